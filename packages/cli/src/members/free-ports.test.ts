import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { after, before, test } from 'node:test'
import { requireFreePorts } from './free-ports.js'

let holder: Server
let port: number

before(async () => {
  holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  port = (holder.address() as { port: number }).port
})

after(() => holder.close())

test('a port in use is named, and the option that chooses another one', async () => {
  await assert.rejects(requireFreePorts('127.0.0.1', [0, port], '--base-port'), {
    code: 'PORT_IN_USE',
    message: new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use.* choose another --base-port`),
  })
  await requireFreePorts('127.0.0.1', [0, 0], '--base-port')
})

test('an address of another machine is refused', async () => {
  await assert.rejects(
    requireFreePorts('192.0.2.1', [0], '--base-port'),
    /this machine does not have that address/,
  )
})
