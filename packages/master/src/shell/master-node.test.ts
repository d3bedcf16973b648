import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import {
  decodeTopology,
  errorToWire,
  IcfError,
  MessageType,
  type Message,
  type Status,
  type Topology,
} from '@icf/common'
import { dial, nodeRuntime } from '@icf/common/node'
import { pino } from 'pino'
import type { Coordination, Term } from './coordination.js'
import { serveMaster } from './master.js'
import type { MasterNode } from './master-node.js'
import { connect, enter, type Peer } from './peer.test.kit.js'
import type { StoredState } from './state-file.js'

/** The servers of these tests are not silent, whatever they say; and there are no leases to wait for. */
const timing = { heartbeatIntervalMs: 10, leaseMs: 30, deadAfterMs: 600_000 }

/** Gives the right to be active, and takes it away, when the test says so. */
class Terms implements Coordination {
  /** The newest state that is in effect. */
  stored: StoredState | undefined
  /** What is committed waits. */
  isSlow = false
  /** Ends each commit that waits. */
  readonly waiting: ((error?: IcfError) => void)[] = []
  validUntil = Infinity
  /** Later epochs of which the master said that servers follow them. */
  readonly surpassedBy: number[] = []
  #epoch = 0
  #candidate: ((term: Term) => void) | undefined
  #lose: () => void = () => undefined

  readonly peers = undefined

  readonly votes = undefined

  open(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  campaign(): Promise<Term> {
    return new Promise((resolve) => (this.#candidate = resolve))
  }

  end(): Promise<void> {
    return Promise.resolve()
  }

  /** Resolves when the master wants to be active. */
  async wanted(): Promise<void> {
    while (!this.#candidate) await setImmediate()
  }

  async give(): Promise<void> {
    await this.wanted()
    const epoch = ++this.#epoch
    const lost = new Promise<void>((resolve) => (this.#lose = resolve))
    const validUntil = (): number => this.validUntil
    this.#candidate!({
      epoch,
      stored: this.stored,
      get validUntil() {
        return validUntil()
      },
      lost,
      mayBeBehind: this.stored === undefined,
      surpassed: (later) => this.surpassedBy.push(later),
      commit: (state) => this.#commit(epoch, state),
    })
    this.#candidate = undefined
  }

  /** Resolves when the master knows. */
  takeAway(): Promise<void> {
    this.#lose()
    return this.wanted()
  }

  /** Resolves when something is being committed. */
  async committing(): Promise<void> {
    while (this.waiting.length === 0) await setImmediate()
  }

  #commit(epoch: number, state: StoredState): Promise<void> {
    if (!this.isSlow) {
      this.stored = state
      return Promise.resolve()
    }
    return new Promise((resolve, reject) =>
      this.waiting.push((error) => {
        if (!error && epoch === this.#epoch) this.stored = state
        if (error) reject(error)
        else resolve()
      }),
    )
  }
}

async function start(t: TestContext): Promise<{ master: MasterNode; terms: Terms }> {
  const terms = new Terms()
  const starting = serveMaster(nodeRuntime, {
    address: { host: '127.0.0.1', port: 0 },
    httpPort: 0,
    cluster: 'test',
    coordination: terms,
    timing,
    ring: { virtualNodes: 4, seed: 1 },
    slotCount: 16,
    logger: pino({ level: 'silent' }),
  })
  await terms.give()
  const master = await starting
  t.after(() => master.close())
  return { master, terms }
}

/** Two cache servers that know of each other, with what the second was sent last. */
async function two(master: MasterNode): Promise<{ a: Peer; b: Peer; before: Topology }> {
  const a = await enter(master, 'a')
  await a.next(MessageType.ADD_CACHE_SERVER)
  const b = await enter(master, 'b')
  const before = topologyOf(await b.next(MessageType.ADD_CACHE_SERVER))
  await a.next(MessageType.ADD_CACHE_SERVER)
  return { a, b, before }
}

function topologyOf([, update]: Message): Topology {
  return decodeTopology(update, undefined, 16)!
}

function beat(peer: Peer, number: number, { epoch, version }: Topology): void {
  peer.link.send([MessageType.KEEP_ALIVE, number, 0, epoch, version, [1, 2, 3, 4, 5, 6, 7, 8], 0])
}

/** The code and text with which an operator is refused. */
function refusal(answer: unknown): string {
  const [code, text] = answer as [number, string]
  return `${code === errorToWire('STANDBY') ? 'STANDBY' : code === errorToWire('TERM_LOST') ? 'TERM_LOST' : code}: ${text}`
}

test('who is a member in one term is one in the next, on the same link, with all its slots', async (t) => {
  const { master, terms } = await start(t)
  const { a, b, before } = await two(master)
  const client = await connect(master, 'client')
  await client.next(MessageType.DISTRIBUTION_RESPOND)
  await terms.takeAway()
  await terms.give()
  const [atA, atB] = await Promise.all(
    [a, b].map(async (peer) => topologyOf(await peer.next(MessageType.REFLESH_MASTER))),
  )
  const atClient = topologyOf(await client.next(MessageType.DISTRIBUTION_RESPOND))
  assert.deepEqual([atA!.epoch, atA!.version], [before.epoch + 1, before.version + 1])
  for (const { servers, primary, backup, transitions } of [atA!, atB!]) {
    assert.deepEqual([servers, primary, backup], [before.servers, before.primary, before.backup])
    assert.deepEqual(transitions, before.transitions)
  }
  assert.deepEqual([atClient.epoch, atClient.primary], [atA!.epoch, atA!.primary])
  beat(a, 1, atA!)
  assert.equal((await a.next(MessageType.KEEP_ALIVE))[1], 1)
  const admin = await connect(master, 'admin')
  const { servers } = (await admin.ask('STATUS')) as Status
  assert.deepEqual(servers.map(({ connected }) => connected), [true, true]) // prettier-ignore
})

test('between two terms nothing is sent, whatever comes', async (t) => {
  const { master, terms } = await start(t)
  const { a, before } = await two(master)
  const client = await connect(master, 'client')
  await client.next(MessageType.DISTRIBUTION_RESPOND)
  await terms.takeAway()
  beat(a, 1, before)
  for (const peer of [a, client]) peer.link.send([MessageType.DISTRIBUTION_REQUEST])
  await Promise.all([a.read(), client.read()])
  assert.deepEqual([a.inbox, client.inbox], [[], []])
  await terms.give()
  beat(a, 2, topologyOf(await a.next(MessageType.REFLESH_MASTER)))
  assert.equal((await a.next(MessageType.KEEP_ALIVE))[1], 2)
})

test('an order that waits when the term is lost ends so, and is not in effect in the next', async (t) => {
  for (const error of [undefined, new IcfError('TERM_LOST', 'another one has it')]) {
    const { master, terms } = await start(t)
    const { a, before } = await two(master)
    const admin = await connect(master, 'admin')
    terms.isSlow = true
    const answer = admin.ask('SHUTDOWN_CACHE', { servers: ['b'] })
    await terms.committing()
    const [end] = terms.waiting.splice(0)
    if (error) end!(error)
    await terms.takeAway()
    assert.match(refusal(await answer), /^TERM_LOST: .*may or may not take effect/)
    terms.isSlow = false
    await terms.give()
    // It comes too late, and is nobody's any more.
    end!()
    const after = topologyOf(await a.next(MessageType.REFLESH_MASTER))
    assert.deepEqual([after.epoch, after.servers], [before.epoch + 1, before.servers])
    assert.deepEqual(a.inbox, [])
    const { events } = (await admin.ask('EVENTS')) as { events: { n: number; type: string }[] }
    assert.ok(events.every(({ type }, i) => type !== 'SHUTDOWN_CACHE' && events[i]!.n === i + 1))
  }
})

test('a standby answers operators with STANDBY, and over HTTP that it lives and is not ready', async (t) => {
  const { master, terms } = await start(t)
  await two(master)
  const admin = await connect(master, 'admin')
  assert.equal(master.isReady, true)
  await terms.takeAway()
  const questions = ['STATUS', 'TOPOLOGY', 'PLAN', 'EVENTS', 'SHUTDOWN_CACHE', 'FORGET']
  for (const question of questions)
    assert.match(refusal(await admin.ask(question, { servers: ['a'] })), /^STANDBY: .* is a standby/)
  const get = async (path: string): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${master.httpAddress!.port}${path}`)
    return [response.status, await response.text()]
  }
  assert.equal((await get('/livez'))[0], 200)
  assert.equal((await get('/readyz'))[0], 503)
  const [code, status] = await get('/api/status')
  assert.deepEqual([code, (JSON.parse(status) as IcfError).code], [503, 'STANDBY'])
  const [, metrics] = await get('/metrics')
  assert.match(metrics, /^icf_master_ready 0$/m)
  assert.match(metrics, /^icf_master_connections 2$/m)
  assert.doesNotMatch(metrics, /^icf_slots/m)
  await terms.give()
  while (!master.isReady) await setImmediate()
  assert.equal((await get('/readyz'))[0], 200)
})

test('who comes to a standby stays, and is let in when a term begins', async (t) => {
  const { master, terms } = await start(t)
  const { a } = await two(master)
  await terms.takeAway()
  const c = await enter(master, 'c')
  const client = await connect(master, 'client')
  const hello = { role: 'probe', cluster: 'test', id: '', details: [] } as const
  await assert.rejects(dial(nodeRuntime, master.address, hello, 2000), { code: 'WRONG_ROLE' })
  const nameless = { ...hello, role: 'cache-server' } as const
  await assert.rejects(dial(nodeRuntime, master.address, nameless, 2000), { code: 'INVALID_ARGUMENT' })
  a.link.terminate()
  await terms.give()
  const joined = topologyOf(await c.next(MessageType.ADD_CACHE_SERVER))
  assert.deepEqual(joined.servers.map((server) => server?.id[0]), ['a', 'b', 'c']) // prettier-ignore
  await client.next(MessageType.DISTRIBUTION_RESPOND)
})

test('whoever follows the events is sent away when the term ends: they go on elsewhere', async (t) => {
  const { master, terms } = await start(t)
  const [follower, other] = [await connect(master, 'admin'), await connect(master, 'admin')]
  await follower.ask('EVENTS', { since: 0, follow: true })
  await terms.takeAway()
  await follower.closed()
  await terms.give()
  const { events } = (await other.ask('EVENTS', { since: 1 })) as { events: { n: number; type: string }[] }
  assert.deepEqual(events.map(({ n, type }) => [n, type]), [[2, 'MASTER_STARTED']]) // prettier-ignore
})

test('leases are given while the term is valid, which may grow', async (t) => {
  const { master, terms } = await start(t)
  const { a, before } = await two(master)
  terms.validUntil = nodeRuntime.now()
  beat(a, 1, before)
  await a.read()
  assert.deepEqual(a.inbox, [])
  terms.validUntil = Infinity
  beat(a, 2, before)
  assert.equal((await a.next(MessageType.KEEP_ALIVE))[1], 2)
})

test('a server that follows a later master is kept, and the term is told', async (t) => {
  const { master, terms } = await start(t)
  const { a, before } = await two(master)
  terms.validUntil = nodeRuntime.now()
  beat(a, 1, { ...before, epoch: before.epoch + 1 })
  const c = await enter(master, 'c', { epoch: before.epoch + 2, version: before.version })
  await Promise.all([a.read(), c.read()])
  assert.deepEqual(terms.surpassedBy, [before.epoch + 1, before.epoch + 2])
  assert.deepEqual([a.inbox, c.inbox], [[], []])
})
