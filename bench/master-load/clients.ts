// Simulated clients, all in one process: each is a connection to the master of which what comes is counted, not decoded.
// One that is lost is made again, with the pauses of a real client. The parent says what to do by messages.
import { FRAME, helloMessage } from '@icf/common'
import { encodeFrame, nodeRuntime, type Address } from '@icf/common/node'
import type { ClientsTask, Received } from './tasks.js'

/** Connections that are opened at a time, when the parent asks for many. */
const OPENING = 100
const DIAL_TIMEOUT_MS = 2000
const MIN_DELAY_MS = 50
const MAX_DELAY_MS = 1000

const master: Address = { host: '127.0.0.1', port: Number(process.argv[2]) }
const hello = encodeFrame(helloMessage({ role: 'client', cluster: 'icf', id: '', details: [] }))
let [bytes, frames, following] = [0, 0, 0]

/** @param onTopology called each time that a connection has brought the first one */
function keepConnected(onTopology: () => void, delayMs = MIN_DELAY_MS): void {
  const socket = nodeRuntime.connect(master)
  const timer = setTimeout(() => socket.terminate(), DIAL_TIMEOUT_MS)
  let received = 0
  socket.on('error', () => undefined)
  socket.on('open', () => socket.send(hello, FRAME))
  socket.on('message', ({ length }) => {
    bytes += length
    frames++
    received++
    // The first one is WELCOME.
    if (received === 1) clearTimeout(timer)
    if (received !== 2) return
    following++
    onTopology()
  })
  socket.on('close', () => {
    clearTimeout(timer)
    if (received >= 2) following--
    const pauseMs = received >= 1 ? 0 : delayMs * (0.75 + Math.random() / 2)
    const nextMs = received >= 1 ? MIN_DELAY_MS : Math.min(2 * delayMs, MAX_DELAY_MS)
    setTimeout(() => keepConnected(onTopology, nextMs), pauseMs)
  })
}

async function connect(count: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await new Promise<void>((resolve) => keepConnected(resolve))
  }
  await Promise.all(Array.from({ length: OPENING }, lane))
}

function look(): Received {
  const received = { bytes, frames, following }
  bytes = frames = 0
  return received
}

process.on('message', (task: ClientsTask) => {
  if (task.kind === 'look') process.send!(look())
  else void connect(task.count).then(() => process.send!('done'))
})
process.on('disconnect', () => process.exit(0))
