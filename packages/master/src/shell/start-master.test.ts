import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, readdir, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, mock, test, type TestContext } from 'node:test'
import { decodeTopology, isNewer, MessageType, SLOT_COUNT, type Status } from '@icf/common'
import { dial, nodeRuntime } from '@icf/common/node'
import { pino } from 'pino'
import type { RunningMaster } from './master.js'
import { connect, enter } from './peer.test.kit.js'
import { startMaster, type StartMasterOptions } from './start-master.js'

/** The servers of these tests send no heartbeats: nobody waits for any. */
const timing = { heartbeatIntervalMs: 100_000, leaseMs: 300_000, deadAfterMs: 600_000 }

/** Leases that a master without a state would wait for are over once this much is added to the clock. */
let skippedMs = 0
const realNow = performance.now.bind(performance)
mock.method(performance, 'now', () => realNow() + skippedMs)

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icf-master-'))
})
after(() => rm(folder, { recursive: true }))

async function start(t: TestContext, options: Partial<StartMasterOptions> = {}): Promise<RunningMaster> {
  const logger = pino({ level: 'silent' })
  const master = await startMaster({
    host: '127.0.0.1',
    port: 0,
    httpPort: 0,
    cluster: 'test',
    dataDir: undefined,
    timing,
    logger,
    ...options,
  })
  t.after(() => master.close())
  skippedMs += 1.1 * timing.leaseMs
  return master
}

test('a server joins, is welcomed with the timing, and gets the topology; so does a client', async (t) => {
  const master = await start(t)
  const server = await enter(master, 'a')
  const place = [master.id, master.address.host, master.address.port]
  assert.deepEqual(server.link.remote.details, [100_000, 300_000, 600_000, ...place])
  const [, update, joined] = await server.next(MessageType.ADD_CACHE_SERVER)
  assert.deepEqual(joined, ['a'.repeat(40)])
  assert.ok(decodeTopology(update, undefined)!.primary.every((seat) => seat === 0))
  const client = await connect(master, 'client')
  const [, whole] = await client.next(MessageType.DISTRIBUTION_RESPOND)
  assert.equal(decodeTopology(whole, undefined)!.servers[0]!.id, 'a'.repeat(40))
  server.link.send([MessageType.KEEP_ALIVE, 7, 0, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8], 0])
  assert.equal((await server.next(MessageType.KEEP_ALIVE))[1], 7)
})

test('an operator asks', async (t) => {
  const master = await start(t)
  const server = await enter(master, 'a')
  await server.next(MessageType.ADD_CACHE_SERVER)
  const admin = await connect(master, 'admin')
  const status = (await admin.ask('STATUS')) as Status
  assert.equal(status.slotsServed, SLOT_COUNT)
  assert.equal(status.settled, true)
  assert.deepEqual(status.masters[0]?.role, 'active')
  assert.equal(status.masters[0]?.port, master.address.port)
  assert.equal(decodeTopology(await admin.ask('TOPOLOGY'), undefined)!.servers.length, 1)
  const { events } = (await admin.ask('EVENTS', { since: 1, follow: true })) as { events: { type: string }[] }
  assert.deepEqual(events.map(({ type }) => type), ['ADD_CACHE_SERVER', 'SETTLED']) // prettier-ignore
  await enter(master, 'b')
  const [, event] = await admin.next(MessageType.EVENT)
  assert.equal((event as { type: string }).type, 'ADD_CACHE_SERVER')
  const dry = (await admin.ask('SHUTDOWN_CACHE', { servers: ['aaaa'], dryRun: true })) as {
    servers: string[]
  }
  assert.deepEqual(dry.servers, ['a'.repeat(40)])
  await admin.ask('SHUTDOWN_CACHE', { servers: ['aaaa'] })
  const after = (await admin.ask('STATUS')) as Status
  assert.deepEqual(after.servers.map(({ state }) => state), ['leaving', 'active']) // prettier-ignore
  assert.ok(await admin.ask('PLAN'))
})

test('an operator is told what is wrong with a request', async (t) => {
  const master = await start(t)
  await (await enter(master, 'a')).next(MessageType.ADD_CACHE_SERVER)
  const admin = await connect(master, 'admin')
  const text = async (name: string, args: unknown): Promise<unknown> =>
    ((await admin.ask(name, args)) as unknown[])[1]
  assert.match(String(await text('SHUTDOWN_CACHE', { servers: ['aaaa'] })), /no cache server would be left/)
  assert.match(String(await text('SHUTDOWN_CACHE', { servers: [] })), /name the cache servers/)
  assert.match(String(await text('SHUTDOWN_CACHE', { servers: ['zzzz'] })), /no cache server fits "zzzz"/)
  assert.match(String(await text('toString', {})), /no command "toString"/)
  assert.match(String(await text('EVENTS', { since: 'x' })), /"since"/)
  admin.link.send([MessageType.COMMANDS])
  await admin.next(MessageType.REFUSED)
  await admin.closed()
})

test('roles that have no business here, and other clusters, are refused', async (t) => {
  const master = await start(t)
  const hello = { role: 'probe' as const, cluster: 'test', id: '', details: [] }
  await assert.rejects(dial(nodeRuntime, master.address, hello, 2000), { code: 'WRONG_ROLE' })
  await assert.rejects(dial(nodeRuntime, master.address, { ...hello, role: 'client', cluster: 'x' }, 2000), {
    code: 'WRONG_CLUSTER',
  })
  await assert.rejects(dial(nodeRuntime, master.address, { ...hello, role: 'cache-server' }, 2000), {
    code: 'INVALID_ARGUMENT',
  })
})

test('a restarted master knows its servers, in a new epoch, and goes on with its event log', async (t) => {
  const dataDir = join(folder, 'restart')
  const first = await start(t, { dataDir })
  const [, update] = await (await enter(first, 'a')).next(MessageType.ADD_CACHE_SERVER)
  await assert.rejects(start(t, { dataDir }), { code: 'STATE_UNAVAILABLE', message: /in use/ })
  await first.close()
  const second = await start(t, { dataDir })
  const admin = await connect(second, 'admin')
  const status = (await admin.ask('STATUS')) as Status
  assert.deepEqual(status.servers.map(({ id, primarySlots }) => [id, primarySlots]), [['a'.repeat(40), SLOT_COUNT]]) // prettier-ignore
  assert.ok(status.epoch > decodeTopology(update, undefined)!.epoch)
  assert.equal(status.slotsServed, 0, 'it has not come back yet')
  const { events } = (await admin.ask('EVENTS')) as { events: { n: number; type: string }[] }
  assert.deepEqual(events.map(({ n }) => n), [1, 2, 3, 4, 5]) // prettier-ignore
  assert.equal(events[3]?.type, 'MASTER_STARTED')
})

test('a master without its state takes over what the running servers follow, and tells clients', async (t) => {
  const first = await start(t)
  const server = await enter(first, 'a')
  const [, update] = await server.next(MessageType.ADD_CACHE_SERVER)
  const before = decodeTopology(update, undefined)!
  await first.close()
  const second = await start(t)
  const client = await connect(second, 'client')
  const [, empty] = await client.next(MessageType.DISTRIBUTION_RESPOND)
  assert.equal(decodeTopology(empty, undefined)!.servers.length, 0)
  const returned = await enter(second, 'a', before)
  await returned.next(MessageType.DISTRIBUTION_REQUEST)
  returned.link.send([MessageType.DISTRIBUTION_RESPOND, update, []])
  const [, whole] = await returned.next(MessageType.DISTRIBUTION_RESPOND)
  const [, difference] = await returned.next(MessageType.REFLESH_MASTER)
  const after = decodeTopology(difference, decodeTopology(whole, undefined)!)!
  assert.ok(isNewer(after, before) && after.epoch > before.epoch)
  assert.deepEqual([after.servers, after.primary], [before.servers, before.primary])
  await client.next(MessageType.REFLESH_MASTER)
  const { events } = (await (await connect(second, 'admin')).ask('EVENTS')) as { events: { type: string }[] }
  assert.deepEqual(events.map(({ type }) => type), ['MASTER_STARTED', 'TOPOLOGY_ADOPTED', 'SETTLED']) // prettier-ignore
})

test('a master never starts empty on a state that it can not read, and leaves it as it is', async (t) => {
  const dataDir = join(folder, 'damaged')
  const first = await start(t, { dataDir })
  await first.close()
  const path = join(dataDir, 'state.json')
  await writeFile(path, 'rubbish')
  await assert.rejects(start(t, { dataDir }), { code: 'STATE_UNAVAILABLE', message: /damaged/ })
  await assert.rejects(start(t, { dataDir, cluster: 'other' }), { code: 'STATE_UNAVAILABLE' })
  assert.equal(await readFile(path, 'utf8'), 'rubbish')
})

test('options that can not work are refused', async (t) => {
  for (const [wrong, message] of [
    [{ cluster: '' }, /name/],
    [{ timing: { heartbeatIntervalMs: 100, leaseMs: 1500, deadAfterMs: 1500 } }, /deadAfterMs/],
    [{ ring: { virtualNodes: 0 } }, /virtualNodes/],
    [{ ring: { seed: -1 } }, /seed/],
    [{ port: (await start(t)).address.port }, /another process listens/],
    [
      { httpPort: (await start(t)).httpAddress!.port },
      /can not serve HTTP on 127\.0\.0\.1:\d+: another process listens there: .*--http-port/,
    ],
    [{ dataDir: join(await someFile(), 'x') }, /can not create/],
  ] as const)
    await assert.rejects(start(t, wrong), { code: 'INVALID_ARGUMENT', message })
})

test('a start that fails for want of a port leaves no trace', async (t) => {
  const dataDir = join(folder, 'port')
  const { address, httpAddress } = await start(t)
  for (const busy of [{ port: address.port }, { httpPort: httpAddress!.port }]) {
    await assert.rejects(start(t, { ...busy, dataDir }), { code: 'INVALID_ARGUMENT' })
    assert.deepEqual(await readdir(dataDir), [])
  }
  const admin = await connect(await start(t, { dataDir }), 'admin')
  const { events } = (await admin.ask('EVENTS')) as { events: { type: string }[] }
  assert.deepEqual(events.map(({ type }) => type), ['MASTER_STARTED']) // prettier-ignore
})

test('a start that can not save its state gives the folder free again', async (t) => {
  const dataDir = join(folder, 'unsavable')
  const obstacle = join(dataDir, 'state.json.new')
  await mkdir(obstacle, { recursive: true })
  await assert.rejects(start(t, { dataDir }))
  await rmdir(obstacle)
  await start(t, { dataDir })
})

test('HTTP: health, metrics and the JSON API', async (t) => {
  const master = await start(t)
  await (await enter(master, 'a')).next(MessageType.ADD_CACHE_SERVER)
  const { host, port } = master.httpAddress!
  const get = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`http://${host}:${port}${path}`, init)
  assert.deepEqual(await (await get('/livez')).json(), { live: true })
  assert.equal((await get('/readyz')).status, 200)
  const status = (await (await get('/api/status')).json()) as Status
  assert.equal(status.slotsServed, SLOT_COUNT)
  const topology = (await (await get('/api/topology')).json()) as { slots: unknown[] }
  assert.deepEqual(topology.slots, [{ from: 0, to: SLOT_COUNT - 1, primary: 'a'.repeat(40), backup: null }])
  const { events } = (await (await get('/api/events?since=1')).json()) as { events: unknown[] }
  assert.equal(events.length, 2)
  assert.equal((await get('/api/events?since=x')).status, 400)
  assert.equal((await get('/nothing')).status, 404)
  assert.equal((await get('/toString')).status, 404)
  const wrongMethod = await get('/livez', { method: 'POST' })
  assert.deepEqual([wrongMethod.status, wrongMethod.headers.get('allow')], [405, 'GET, HEAD'])
  const metrics = await (await get('/metrics')).text()
  assert.match(metrics, /^icf_slots_served 16384$/m)
  assert.match(metrics, /^icf_server_primary_slots\{server="127.0.0.1:97",id="a{40}"\} 16384$/m)
  const promises = await readFile(new URL('../../../../docs/failure-model.md', import.meta.url), 'utf8')
  const named = [...promises.matchAll(/`(icf_\w+)`/g)].map(([, name]) => name!)
  assert.ok(named.length > 0)
  for (const name of named)
    assert.match(metrics, new RegExp(`^${name}[ {]`, 'm'), 'named in the failure model')
  for (const line of metrics.trimEnd().split('\n'))
    assert.match(line, /^(# (HELP|TYPE) icf_\w+ .+|icf_\w+(\{(\w+="[^"]*",?)+\})? \d+(\.\d+)?(e-\d+)?)$/)
})

async function someFile(): Promise<string> {
  const path = join(folder, 'file')
  await writeFile(path, '')
  return path
}

test('a master without others lists itself, and is the same when it was started again', async (t) => {
  const dataDir = join(folder, 'listed')
  const listed = async (master: RunningMaster): Promise<unknown> => {
    const client = await connect(master, 'client')
    const [, whole] = await client.next(MessageType.DISTRIBUTION_RESPOND)
    return decodeTopology(whole, undefined)!.masters
  }
  const first = await start(t, { dataDir, advertiseHost: 'localhost', machine: 'm' })
  const self = { id: first.id, host: 'localhost', port: first.address.port, httpPort: first.httpAddress!.port, machine: 'm' } // prettier-ignore
  assert.deepEqual(await listed(first), [self])
  const { masters } = (await (await connect(first, 'admin')).ask('STATUS')) as Status
  assert.deepEqual(masters.map(({ host }) => host), ['localhost']) // prettier-ignore
  await first.close()
  const again = await start(t, { dataDir, port: first.address.port, httpPort: self.httpPort })
  assert.deepEqual(((await listed(again)) as { id: string }[]).map(({ id }) => id), [first.id]) // prettier-ignore
})

test('a master that listens at all addresses has to say which of them others reach', async (t) => {
  for (const host of ['0.0.0.0', '::'])
    await assert.rejects(start(t, { host }), { code: 'INVALID_ARGUMENT', message: /--advertise-host/ })
  await assert.rejects(start(t, { advertiseHost: 'no host' }), { message: /the host of a master must be/ })
  await start(t, { host: '0.0.0.0', advertiseHost: '127.0.0.1' })
})
