// Simulated clients, all in one process: each is a link to the master that reads what comes, and counts it.
import { MessageType, PROTOCOL_VERSION } from '@icf/common'
import { encodeFrame, nodeRuntime, type Address } from '@icf/common/node'
import { FRAME } from '@icf/common'
import type { ClientsTask, Received } from './tasks.js'

/** Connections that are being opened at a time. */
const DIALING = 100

const master: Address = { host: '127.0.0.1', port: Number(process.argv[2]) }
let received: Received = { bytes: 0, frames: 0 }

function open(): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = nodeRuntime.connect(master)
    socket.on('error', reject)
    socket.on('open', () =>
      socket.send(encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, 'client', 'icf', '', []]), FRAME),
    )
    socket.once('message', () => resolve())
    socket.on('message', ({ length }) => {
      received = { bytes: received.bytes + length, frames: received.frames + 1 }
    })
    socket.on('close', () => {
      console.error('the master closed the connection of a simulated client')
      process.exit(1)
    })
  })
}

async function connect(count: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await open()
  }
  await Promise.all(Array.from({ length: DIALING }, lane))
}

/** What came since the last time it was asked. */
function takeReceived(): Received {
  const taken = received
  received = { bytes: 0, frames: 0 }
  return taken
}

process.on('message', (task: ClientsTask) => {
  if (task.kind === 'received') return void process.send!(takeReceived())
  connect(task.count).then(
    () => process.send!('done'),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
