import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { defaultTiming, type MasterInfo } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { until } from '@icf/testkit/wait'
import { pino } from 'pino'
import type { Term } from '../coordination.js'
import type { MasterNode } from '../master-node.js'
import { serveMaster } from '../master.js'
import { enter } from '../peer.test.kit.js'
import { EtcdCoordination } from './etcd-coordination.js'
import { FakeEtcd } from './fake-etcd.test.kit.js'
import { leaderText, mastersText, readLeader, readMasterList } from './master-record.js'
import { decodeRecord } from './state-record.js'

const CLUSTER = 'test'
const LEADER = '/icf/test/leader'
const SEATS = '/icf/test/seats'
const STATE = '/icf/test/state'

const common = { cluster: CLUSTER, timing: defaultTiming, ring: { virtualNodes: 4, seed: 1 } }
const nobody: MasterInfo = { id: 'nobody', host: '127.0.0.1', port: 9, httpPort: 0, machine: '' }

/** Keeps the term that it gave last, for the test to look at. */
class WatchedCoordination extends EtcdCoordination {
  term: Term | undefined

  override async campaign(): Promise<Term> {
    return (this.term = await super.campaign())
  }
}

interface Master {
  readonly node: MasterNode
  readonly coordination: WatchedCoordination
  readonly log: string[]
}

async function start(t: TestContext, etcd: FakeEtcd, port = 0): Promise<Master> {
  const log: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void log.push(line) })
  const coordination = new WatchedCoordination(nodeRuntime, {
    ...common,
    etcd: { endpoints: [etcd.url] },
    logger,
  })
  const address = { host: '127.0.0.1', port }
  const node = await serveMaster(nodeRuntime, { ...common, logger, address, coordination })
  t.after(() => node.close())
  return { node, coordination, log }
}

/** By which others know that it is there. */
function keyOf({ node }: Master): string {
  return `/icf/test/masters/127.0.0.1:${node.address.port}`
}

function seatsOf(etcd: FakeEtcd): string[] {
  return readMasterList(etcd.value(SEATS) ?? '[]').map(({ id }) => id)
}

/** Both have a seat, and the first one is active. */
async function startTwo(t: TestContext, etcd: FakeEtcd): Promise<[Master, Master]> {
  const first = await start(t, etcd)
  await until(() => first.node.isReady)
  const second = await start(t, etcd)
  await until(() => first.node.otherMasters.some(({ isVoter }) => isVoter) && second.coordination.isFollowing)
  return [first, second]
}

async function becomesActive({ node }: Master): Promise<void> {
  await until(() => node.isReady)
}

describe('masters with etcd', { concurrency: 5 }, () => {
  it('one is active, the other stands by, and goes on with what was in effect when that one ends', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    await enter(first.node, 'a')
    await until(() => first.node.core!.topology.servers.length === 1)
    await until(() => decodeRecord(CLUSTER, etcd.value(STATE)!).topology.servers.length === 1)
    const { epoch, version } = first.node.core!.topology
    assert.equal(second.node.core, undefined)
    await first.node.close()
    await becomesActive(second)
    const { topology } = second.node.core!
    assert.ok(topology.epoch > epoch && topology.version > version)
    assert.equal(topology.servers[0]?.id, 'a'.repeat(40))
    assert.equal(readLeader(etcd.value(LEADER)!).master.id, second.node.id)
  })

  it('hand over to each other when they are asked to', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      // prettier-ignore
      const { epoch } = from.node.core!.topology
      await until(() => from.node.otherMasters.every(({ alive, isVoter }) => alive && isVoter))
      const { id, role } = await from.node.handOver(undefined)
      assert.deepEqual([id, role], [to.node.id, 'active'])
      await becomesActive(to)
      assert.equal(from.node.core, undefined)
      assert.ok(to.node.core!.topology.epoch > epoch)
    }
  })

  it('the active one goes on without etcd for as long as the other one gives its word, and nobody else becomes it', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    const { epoch } = first.node.core!.topology
    etcd.isSilent = true
    const since = nodeRuntime.now()
    const { term } = first.coordination
    // Longer than the lease in etcd, and than the deadline of each call.
    await until(() => nodeRuntime.now() > since + 3000 && term!.validUntil > nodeRuntime.now())
    assert.equal(second.node.core, undefined)
    etcd.isSilent = false
    await enter(first.node, 'a')
    await until(() => decodeRecord(CLUSTER, etcd.value(STATE)!).topology.servers.length === 1)
    assert.equal(first.node.core!.topology.epoch, epoch)
  })

  it('without etcd nothing takes effect, and the active one says that it can not save it', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const before = etcd.value(STATE)
    etcd.isSilent = true
    await enter(first.node, 'a')
    await until(() => first.log.some((line) => line.includes('no change takes effect until it can be saved')))
    assert.equal(first.node.isReady, false)
    assert.equal(first.node.core!.topology.servers.length, 0)
    assert.equal(etcd.value(STATE), before)
    etcd.isSilent = false
    await becomesActive(first)
    await until(() => first.node.core!.topology.servers.length === 1)
  })

  it('the active one is not it any more once its key is gone, whoever is next', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    const { term } = first.coordination
    etcd.expire(LEADER)
    await term!.lost
    assert.equal(term!.validUntil, -Infinity)
    await until(() => first.node.isReady || second.node.isReady)
    assert.ok(readLeader(etcd.value(LEADER)!).epoch > term!.epoch)
  })

  it('nothing takes effect by whoever has lost the key without knowing', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const { term } = first.coordination
    etcd.put(LEADER, leaderText({ master: nobody, epoch: term!.epoch + 1 }))
    const before = etcd.value(STATE)
    const state = { ...decodeRecord(CLUSTER, before!), auditedUntil: 1 }
    await assert.rejects(term!.commit(state), { code: 'TERM_LOST' })
    assert.equal(etcd.value(STATE), before)
  })

  it('a connection to etcd that breaks, also that of the watch, is made again', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    etcd.breakConnections()
    const watches = etcd.calls.filter((path) => path === '/v3/watch').length
    await until(() => etcd.calls.filter((path) => path === '/v3/watch').length >= watches + 2)
    await first.node.close()
    await becomesActive(second)
  })

  it('an older copy of etcd’s data, in which nobody is active, is put back: the next term is later than all before', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const putBack = etcd.snapshot()
    const first = await start(t, etcd)
    await becomesActive(first)
    const { epoch } = first.node.core!.topology
    putBack()
    await until(() => first.node.isReady && first.node.core!.topology.epoch > epoch)
    // It had gone with the rest.
    await until(() => etcd.value(keyOf(first)) !== undefined)
  })

  it('an older copy of the same term is put back: a new one begins, whose state is in etcd', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const { epoch } = first.node.core!.topology
    const putBack = etcd.snapshot()
    await enter(first.node, 'a')
    await until(() => first.node.core!.topology.servers.length === 1)
    putBack()
    await until(() => first.node.isReady && first.node.core!.topology.epoch > epoch)
    await until(() => decodeRecord(CLUSTER, etcd.value(STATE)!).topology.epoch > epoch)
  })

  it('servers that follow a later term are led by one that is later still', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const later = first.node.core!.topology.epoch + 1000
    first.coordination.term!.surpassed(later)
    await until(() => first.node.isReady && first.node.core!.topology.epoch > later)
  })

  it('a transaction that was carried out without an answer makes nobody the active one twice', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.isMute = true
    const first = await start(t, etcd)
    await until(() => etcd.value(keyOf(first)) !== undefined)
    etcd.isMute = false
    await becomesActive(first)
    const { epoch } = first.node.core!.topology
    assert.equal(readLeader(etcd.value(LEADER)!).epoch, epoch)
  })

  it('a commit that is late, and was repeated meanwhile, does not undo the one after it', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const delayed = etcd.delay(STATE)
    await enter(first.node, 'a')
    const carryOut = await delayed
    await until(() => first.node.core!.topology.servers.length === 1)
    await enter(first.node, 'b')
    await until(() => first.node.core!.topology.servers.length === 2)
    carryOut()
    assert.equal(decodeRecord(CLUSTER, etcd.value(STATE)!).topology.servers.length, 2)
  })

  it('a commit that was carried out without an answer, and is repeated, is in effect', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const first = await start(t, etcd)
    await becomesActive(first)
    const { epoch } = first.node.core!.topology
    const delayed = etcd.delay(STATE)
    await enter(first.node, 'a')
    ;(await delayed)()
    await until(() => first.node.core?.topology.servers.length === 1)
    assert.equal(first.node.core!.topology.epoch, epoch)
  })

  it('one that has no seat, or finds that another is active, stays a standby, and says why', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.put(SEATS, mastersText([nobody]))
    const first = await start(t, etcd)
    await until(() => first.log.some((line) => line.includes('this master has no seat')))
    etcd.put(SEATS, mastersText([nobody, { ...nobody, port: first.node.address.port }]))
    await becomesActive(first)
  })

  it('a master that is gone keeps its seat until it is forgotten', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const [first, second] = await startTwo(t, etcd)
    await assert.rejects(first.node.forget(second.node.id), /is connected/)
    await second.node.close()
    await until(() => first.node.otherMasters.some(({ alive }) => !alive))
    assert.deepEqual(first.node.otherMasters.map(({ isVoter }) => isVoter), [true]) // prettier-ignore
    await first.node.forget(second.node.id)
    assert.deepEqual(seatsOf(etcd), [first.node.id])
    await until(() => first.node.otherMasters.length === 0)
  })

  it('a state that can not be read is not taken for none', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.put(STATE, 'AAAA')
    const first = await start(t, etcd)
    await until(() => first.log.some((line) => line.includes('can not read the state in etcd')))
    assert.equal(first.node.core, undefined)
    assert.equal(etcd.value(STATE), 'AAAA')
  })

  it('one that advertises an address at which another machine has a master is none, and says why', async (t) => {
    const etcd = await FakeEtcd.start(t)
    const before = await start(t, etcd)
    await becomesActive(before)
    await before.node.close()
    const { port } = before.node.address
    etcd.put(keyOf(before), mastersText([{ ...nobody, port, machine: 'another' }]))
    const first = await start(t, etcd, port)
    await until(() => first.log.some((line) => line.includes('another machine has a master at')))
    assert.equal(first.node.core, undefined)
    assert.equal(readMasterList(etcd.value(keyOf(first))!)[0]!.machine, 'another')
    etcd.put(keyOf(before), mastersText([]))
    await becomesActive(first)
  })

  it('what etcd refuses to write while it lets itself be read is said once, not each time', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.isFull = true
    const first = await start(t, etcd)
    const count = (path: string): number => etcd.calls.filter((call) => call === path).length
    await until(() => count('/v3/lease/grant') > 4 && count('/v3/kv/range') > 4)
    assert.equal(first.log.filter((line) => line.includes('database space exceeded')).length, 1)
    etcd.isFull = false
    await becomesActive(first)
  })

  it('a key that no master has written is named', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.put(LEADER, 'x')
    const first = await start(t, etcd)
    await until(() =>
      first.log.some((line) => line.includes(`${LEADER} in etcd has what no master has written`)),
    )
  })

  it('clusters of other names are not seen', async (t) => {
    const etcd = await FakeEtcd.start(t)
    etcd.put('/icf/test2/leader', 'x')
    etcd.put('/icf/tes/seats', 'x')
    await becomesActive(await start(t, etcd))
  })
})
