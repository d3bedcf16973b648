import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { Introduction } from '../wire/introduction.js'
import type { Role } from '../wire/messages.js'
import { dial, listen, nodeRuntime, type Link, type Listener } from './index.js'

describe('an acceptor', () => {
  let listener: Listener
  const accepted = new Set<Link>()

  const introduction = (role: Role): Introduction => ({ role, cluster: 'test', id: '', details: [] })
  const open = (role: Role): Promise<Link> => dial(nodeRuntime, listener.address, introduction(role), 2000)

  beforeEach(async () => {
    const acceptor = {
      introduce: () => introduction('master'),
      admit: () => undefined,
      opened: (link: Link) => {
        accepted.add(link)
        link.handlers = { message: () => undefined, close: () => undefined }
      },
      closed: (link: Link) => accepted.delete(link),
    }
    listener = await listen(nodeRuntime, { host: '127.0.0.1', port: 0 }, 'test', acceptor, {
      connections: 5,
      reserved: 3,
    })
  })

  afterEach(() => listener.close())

  it('keeps room for other servers that clients can not take', async () => {
    const clients = [await open('client'), await open('client')]
    await assert.rejects(open('client'), { code: 'BUSY' })
    await open('cache-server')
    await open('admin')
    clients[0]!.terminate()
    while (accepted.size > 3) await new Promise((resolve) => setImmediate(resolve))
    await open('client')
    await assert.rejects(open('client'))
  })

  it('has the system ask either end whether the other is still there', async (t) => {
    const asked = t.mock.method(Socket.prototype, 'setKeepAlive')
    await open('client')
    assert.deepEqual(
      asked.mock.calls.map((call) => call.arguments),
      [
        [true, 30_000],
        [true, 30_000],
      ],
    )
  })
})
