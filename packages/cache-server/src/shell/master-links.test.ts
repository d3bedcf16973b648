// A cache server and several masters, of which one is active.
import {
  defaultTiming,
  IcfError,
  MessageType,
  questionMessage,
  readAnswer,
  timingDetails,
  type Answer,
  type KeptState,
  type MasterInfo,
  type Question,
} from '@icf/common'
import { nodeRuntime, type Address } from '@icf/common/node'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { MasterLinks } from './master-links.js'
import { FakeMember, startServer } from './start.test.kit.js'

const { KEEP_ALIVE, UNREACHABLE, VOTED } = MessageType

describe('a cache server with several masters', () => {
  let active: FakeMember
  let standby: FakeMember
  let server: RunningCacheServer
  const warnings: string[] = []
  const processes: FakeMember[] = []

  const process = async (...args: Parameters<typeof FakeMember.start>): Promise<FakeMember> => {
    const started = await FakeMember.start(...args)
    processes.push(started)
    return started
  }

  /** The newest version of which its heartbeats to this master say that it follows it. */
  const followed = ({ received }: FakeMember): unknown =>
    received.findLast(([type]) => type === KEEP_ALIVE)?.[4]

  beforeEach(async () => {
    active = await process({})
    standby = await process({})
    standby.isActive = false
    server = await startServer([active.address, standby.address], warnings)
    await until(() => active.links.size === 1 && standby.links.size === 1)
  })

  afterEach(async () => {
    await server.kill()
    for (const each of processes.splice(0)) await each.stop()
    warnings.length = 0
  })

  it('says everything to all of them', async () => {
    active.publish(1, [server])
    await until(() => followed(active) === 1 && followed(standby) === 1)
    for (const { received } of [active, standby]) assert.ok(received.some(([type]) => type === UNREACHABLE))
  })

  it('follows the newest topology, whoever tells it', async () => {
    active.publish(1, [server])
    await until(() => followed(standby) === 1)
    standby.publish(2, [server], 2)
    await until(() => followed(active) === 2)
    active.publish(9, [server], 1)
    standby.publish(3, [server], 2)
    await until(() => followed(active) === 3)
    assert.ok(!active.received.some(([type, , , , version]) => type === KEEP_ALIVE && version === 9))
    assert.equal(server.id, active.hellos[0]!.id)
    assert.equal(active.hellos.length + standby.hellos.length, 2)
  })

  it('goes on with the others when one ends, and connects to it when it is back', async () => {
    const { id } = server
    active.publish(1, [server])
    const { port } = active.address
    await active.stop()
    standby.isActive = true
    standby.publish(2, [server], 2)
    await until(() => followed(standby) === 2)
    await until(() => warnings.length === 2)
    const again = await process({}, port)
    await until(() => again.links.size === 1)
    assert.equal(again.hellos[0]!.id, id)
    assert.equal(standby.hellos.length, 1)
    assert.equal(warnings.length, 2)
    assert.equal(warnings[0], 'lost a master')
    assert.match(warnings[1]!, new RegExp(`${port}.*; trying again until a master answers$`))
  })

  it('takes an address that is named twice for one', async () => {
    await server.kill()
    const master = await process({})
    server = await startServer([master.address, standby.address, master.address])
    await until(() => master.links.size === 1)
    master.publish(1, [server])
    await until(() => followed(master) === 1)
    assert.equal(master.hellos.length, 1)
  })

  it('does not end at its start when one address is wrong, as long as another is right', async () => {
    const stranger = await process({ role: 'cache-server', id: 'stranger' })
    await server.kill()
    const seen: string[] = []
    server = await startServer([stranger.address, active.address], seen)
    active.publish(1, [server])
    await until(() => seen.some((text) => /is a cache server, not a master/.test(text)))
    await until(() => stranger.hellos.length >= 3 && active.links.size === 1)
    assert.equal(seen.filter((text) => /not a master/.test(text)).length, 1)
  })

  it('ends at its start when one address is wrong, and nobody is at the others', async () => {
    const stranger = await process({ cluster: 'other' })
    await server.kill()
    const { address } = standby
    await standby.stop()
    server = await startServer([stranger.address, address])
    await assert.rejects(server.closed, { code: 'WRONG_CLUSTER' })
  })
})

describe('the masters of a topology', () => {
  const processes: FakeMember[] = []
  let links: MasterLinks
  let gone: number[]

  const master = async (): Promise<FakeMember> => {
    const started = await FakeMember.start({})
    processes.push(started)
    return started
  }

  const listed = ({ self, address }: FakeMember): MasterInfo => ({ id: self.id, ...address, httpPort: 0, machine: '' }) // prettier-ignore

  function open(...masters: Address[]): void {
    gone = []
    links = new MasterLinks(nodeRuntime, {
      masters,
      introduce: () => ({ role: 'cache-server', cluster: 'test', id: 's', details: [] }),
      connected: () => undefined,
      lost: () => undefined,
      gone: () => undefined,
      allGone: (at) => gone.push(at),
      failed: () => undefined,
      message: () => undefined,
    })
  }

  afterEach(async () => {
    links.stop()
    for (const each of processes.splice(0)) await each.stop()
  })

  it('are connected to, and no more when it does not list them any more', async () => {
    const [named, other] = [await master(), await master()]
    open(named.address)
    await until(() => named.links.size === 1)
    links.follow([listed(named), listed(other)])
    await until(() => other.links.size === 1)
    links.follow([listed(named)])
    await until(() => other.links.size === 0)
    await until(() => links.openCount === 1)
    assert.deepEqual([named.hellos.length, other.hellos.length], [1, 1])
  })

  it('are also those of which one tells that is connected', async () => {
    const active = await master()
    const details = timingDetails(defaultTiming, [listed(active)])
    const standby = await FakeMember.start({ details })
    processes.push(standby)
    open(standby.address)
    await until(() => standby.links.size === 1 && links.openCount === 2)
    assert.deepEqual([standby.hellos.length, active.hellos.length], [1, 1])
  })

  it('are all gone only when those are, too, that nobody named', async () => {
    const [named, other] = [await master(), await master()]
    open(named.address)
    await until(() => named.links.size === 1)
    links.follow([listed(named), listed(other)])
    await until(() => other.links.size === 1)
    await named.stop()
    // It is looked for again and again, in vain.
    const began = nodeRuntime.now()
    await until(() => nodeRuntime.now() - began > 500)
    assert.deepEqual(gone, [])
    await other.stop()
    const stopped = nodeRuntime.now()
    await until(() => gone.some((at) => at >= stopped))
  })

  it('are connected to no more once all is over', async () => {
    const [named, other] = [await master(), await master()]
    open(named.address)
    await until(() => named.links.size === 1)
    links.stop()
    links.follow([listed(other)])
    await until(() => named.links.size === 0)
    assert.deepEqual([other.hellos.length, links.openCount], [0, 0])
  })

  it('have one link each, by however many addresses they are known', async () => {
    const only = await master()
    open(only.address, { ...only.address, host: 'localhost' })
    await until(() => only.hellos.length === 2 && only.links.size === 1)
    links.follow([listed(only)])
    const began = nodeRuntime.now()
    await until(() => nodeRuntime.now() - began > 500)
    assert.deepEqual([only.hellos.length, only.links.size, links.openCount], [2, 1, 1])
    await only.stop()
    await until(() => gone.length > 0)
  })
})

describe('the vote of a cache server', () => {
  let active: FakeMember
  let standby: FakeMember
  let server: RunningCacheServer
  let number = 0
  const body = new Uint8Array([1, 2, 3])
  const state: KeptState = { epoch: 1, version: 5, voters: ['m'], masters: ['m'], former: undefined, body }

  /** The master asks, and gets its answer. */
  async function ask(master: FakeMember, question: Question<KeptState>): Promise<Answer<KeptState>> {
    for (const link of master.links) link.send(questionMessage(question))
    const isAnswer = ([type, answered]: readonly unknown[]): boolean =>
      type === VOTED && answered === question.number
    await until(() => master.received.some(isAnswer))
    return readAnswer(master.received.find(isAnswer)!)
  }

  const beat = (master: FakeMember, epoch: number, kept?: KeptState): Promise<Answer<KeptState>> =>
    ask(master, { type: 'beat', number: ++number, epoch, state: kept })

  const vote = (master: FakeMember, epoch: number): Promise<Answer<KeptState>> =>
    ask(master, { type: 'vote', number: ++number, epoch, isTrial: false, has: undefined, ended: undefined })

  /** Asks until it is given. */
  async function win(master: FakeMember, epoch: number): Promise<Answer<KeptState>> {
    for (;;) {
      const answer = await vote(master, epoch)
      if (answer.isYes) return answer
    }
  }

  beforeEach(async () => {
    active = await FakeMember.start({})
    standby = await FakeMember.start({})
    server = await startServer([active.address, standby.address])
    await until(() => active.links.size === 1 && standby.links.size === 1)
  })

  afterEach(async () => {
    await server.kill()
    await active.stop()
    await standby.stop()
  })

  it('is given once in an epoch, on the link on which it was asked for', async () => {
    assert.equal((await vote(active, 1)).isYes, true)
    assert.deepEqual(await vote(standby, 1), { number, isYes: false, epoch: 1, newer: undefined })
    assert.equal(active.received.filter(([type]) => type === VOTED).length, 1)
  })

  it('is given again when the active master’s word has expired, with the state that it had to keep', async () => {
    assert.equal((await beat(active, 1, state)).isYes, true)
    const { newer } = await win(standby, 2)
    assert.deepEqual(newer, state)
    assert.deepEqual(await beat(active, 1), { number, isYes: false, epoch: 2, newer: undefined })
  })

  it('is another server’s, without that state, when it was fenced and joins anew', async () => {
    await beat(active, 1, state)
    for (const link of active.links) link.refuse(new IcfError('FENCED', 'declared dead'))
    await until(() => standby.hellos.length === 2 && standby.links.size === 1)
    assert.deepEqual(await vote(standby, 1), { number, isYes: true, epoch: 1, newer: undefined })
  })

  it('is free again as soon as the process of the active master is gone, and not before', async () => {
    const { port } = active.address
    await active.stop()
    // By this timing a master's word binds for ten minutes.
    const details = timingDetails({ heartbeatIntervalMs: 100, leaseMs: 1e6, deadAfterMs: 2e6 }, [])
    active = await FakeMember.start({ details }, port)
    await until(() => active.links.size === 1)
    await beat(active, 1)
    assert.equal((await vote(standby, 2)).isYes, false)
    // Its connection breaks, and it is there still.
    for (const link of active.links) link.terminate()
    await until(() => active.hellos.length === 2 && active.links.size === 1)
    assert.equal((await vote(standby, 2)).isYes, false)
    // The process of another master is gone.
    const elsewhere = standby.address.port
    await standby.stop()
    standby = await FakeMember.start({}, elsewhere)
    await until(() => standby.links.size === 1)
    assert.equal((await vote(standby, 2)).isYes, false)
    await active.stop()
    assert.equal((await win(standby, 2)).epoch, 2)
  })

  it('costs who asks for it wrongly the link, and nobody else', async () => {
    for (const link of active.links) link.send([MessageType.VOTE, 1, 'x'])
    await until(() => active.received.some(([type]) => type === MessageType.REFUSED))
    await until(() => active.hellos.length === 2)
    assert.equal(standby.hellos.length, 1)
  })
})
