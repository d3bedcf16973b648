import { IcfError, MessageType, type Introduction } from '@icf/common'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { FakeMember, startServer, Way } from './start.test.kit.js'

const { KEEP_ALIVE, PROBE, PROBE_RESULT } = MessageType

describe('a cache server and what is at the address of its master', () => {
  let server: RunningCacheServer | undefined
  const processes: FakeMember[] = []

  const process = async (...args: Parameters<typeof FakeMember.start>): Promise<FakeMember> => {
    const started = await FakeMember.start(...args)
    processes.push(started)
    return started
  }

  afterEach(async () => {
    await server?.kill()
    server = undefined
    for (const each of processes.splice(0)) await each.stop()
  })

  it('ends at its start when that is a cache server', async () => {
    const other = await process({ role: 'cache-server', id: 'other' })
    server = await startServer([other.address])
    await assert.rejects(server.closed, {
      code: 'WRONG_ROLE',
      message: `127.0.0.1:${other.address.port} is a cache server, not a master: check --masters`,
    })
  })

  it('ends at its start when that says what makes no sense', async () => {
    const odd = await process({ details: ['constructor', -1] })
    server = await startServer([odd.address])
    await assert.rejects(server.closed, { code: 'PROTOCOL' })
  })

  it('waits at its start while the master is busy', async () => {
    const busy = await process({}, 0, () =>
      busy.hellos.length < 3 ? new IcfError('BUSY', 'the cluster is full') : undefined,
    )
    const warnings: string[] = []
    server = await startServer([busy.address], warnings)
    await until(() => busy.links.size === 1)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0]!, /the cluster is full; trying again/)
  })

  it('connects anew when nothing comes from there any more, though nobody closed the connection', async () => {
    const master = await process({})
    const way = await Way.to(master.address)
    server = await startServer([way.address])
    await until(() => master.hellos.length === 1)
    way.forget()
    await until(() => master.hellos.length === 2)
    await way.close()
  })

  it('tells nobody but the master that asked what it found', async () => {
    const mute = createServer()
    const dialed: Socket[] = []
    mute.on('connection', (socket) => dialed.push(socket.on('error', () => undefined)))
    mute.listen(0, '127.0.0.1').unref()
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    const master = await process({})
    server = await startServer([master.address])
    const ask = (number: number): void =>
      master.links.forEach((link) => link.send([PROBE, number, 'suspect', '127.0.0.1', port]))
    await until(() => master.links.size === 1)
    ask(1)
    await until(() => dialed.length === 1)
    for (const link of master.links) link.terminate()
    await until(() => master.hellos.length === 2 && master.links.size === 1)
    dialed[0]!.destroy()
    ask(2)
    await until(() => dialed.length === 2)
    dialed[1]!.destroy()
    await until(() => master.received.some(([type, number]) => type === PROBE_RESULT && number === 2))
    const answered = master.received.filter(([type]) => type === PROBE_RESULT).map(([, number]) => number)
    assert.deepEqual(answered, [2])
    mute.close()
  })

  it('outlives whatever comes there once it is a member', async () => {
    const master = await process({})
    const { port } = master.address
    const warnings: string[] = []
    server = await startServer([master.address], warnings)
    const { id } = server
    await until(() => master.links.size === 1)
    master.publish(1, [server])
    await until(() => master.received.some(([type, , , , version]) => type === KEEP_ALIVE && version === 1))
    await master.stop()

    const strangers: [RegExp, Partial<Introduction>, IcfError?][] = [
      [/belongs to cluster "other"/, { cluster: 'other' }],
      [/is a cache server, not a master/, { role: 'cache-server' }],
      [/heartbeatIntervalMs must be/, { details: [] }],
      [/not such a server/, {}, new IcfError('INVALID_ARGUMENT', 'not such a server')],
      [/another release/, {}, new IcfError('WRONG_PROTOCOL_VERSION', 'another release')],
    ]
    for (const [warning, self, refusal] of strangers) {
      const stranger = await process(self, port, () => refusal)
      await until(() => warnings.some((text) => warning.test(text)))
      if (!self.cluster) await until(() => stranger.hellos.length >= 3)
      await stranger.stop()
      assert.equal(warnings.filter((text) => warning.test(text)).length, 1)
    }

    const again = await process({}, port)
    await until(() => again.links.size === 1)
    assert.equal(again.hellos[0]!.id, id)
  })
})
