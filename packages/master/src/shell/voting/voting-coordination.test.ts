import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import {
  answerMessage,
  Ballot,
  defaultTiming,
  isQuestion,
  masterDetails,
  questionMessage,
  readAnswer,
  readMasters,
  readQuestion,
  termBoundMs,
  type KeptState,
  type Topology,
} from '@icf/common'
import { dial, nodeRuntime, type Address, type Link } from '@icf/common/node'
import { freePort } from '@icf/testkit/ports'
import { until, waitUntil } from '@icf/testkit/wait'
import { pino } from 'pino'
import { FileCoordination } from '../lone-coordination.js'
import type { MasterNode } from '../master-node.js'
import { serveMaster } from '../master.js'
import { decodeState } from '../state-file.js'
import { decodeVote, type StoredVote } from './vote-file.js'
import { FileVoteStore } from './vote-store.js'
import { VotingCoordination } from './voting-coordination.js'

const CLUSTER = 'test'
const common = {
  cluster: CLUSTER,
  timing: defaultTiming,
  ring: { virtualNodes: 4, seed: 1 },
  logger: pino({ level: 'silent' }),
}

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icf-voting-'))
})
after(() => rm(folder, { recursive: true }))

/** A master with a directory of its own, which it has again when it is started again. */
class TestMaster {
  node!: MasterNode
  readonly #dir: string

  constructor(
    readonly name: string,
    readonly peers: readonly Address[],
    private port = 0,
  ) {
    this.#dir = join(folder, name)
  }

  /** @param errors gets what it logs as such */
  async start(t: TestContext, errors: string[] = [], port = this.port): Promise<this> {
    const logger = pino({ level: 'error' }, { write: (line) => void errors.push(line) })
    const coordination = new VotingCoordination(nodeRuntime, {
      ...common,
      logger,
      peers: this.peers,
      store: new FileVoteStore(this.#dir, CLUSTER),
    })
    const address = { host: '127.0.0.1', port }
    this.node = await serveMaster(nodeRuntime, {
      ...common,
      machine: this.name,
      address,
      httpPort: 0,
      coordination,
    })
    this.port = this.node.address.port
    t.after(() => this.node.close())
    return this
  }

  /** As a master that has no standby. */
  async startAlone(): Promise<this> {
    const coordination = new FileCoordination(this.#dir, CLUSTER, () => nodeRuntime.wallTimeMs())
    this.node = await serveMaster(nodeRuntime, { ...common, address: { host: '127.0.0.1', port: this.port }, coordination }) // prettier-ignore
    this.port = this.node.address.port
    return this
  }

  /** Its directory is lost. */
  async forget(): Promise<void> {
    await rm(this.#dir, { recursive: true })
  }

  async stored(): Promise<StoredVote> {
    const path = join(this.#dir, 'state.json')
    return decodeVote(await readFile(path, 'utf8'), path).stored as StoredVote
  }

  async topology(): Promise<Topology> {
    const { body } = (await this.stored()).accepted!
    return decodeState(Buffer.from(body).toString('utf8'), 'state').topology
  }
}

/** The one that is active, and sure of it. */
async function activeOf(masters: readonly TestMaster[]): Promise<TestMaster> {
  await until(() => masters.some(({ node }) => node.isReady))
  return masters.find(({ node }) => node.isReady)!
}

/** All of these masters, and so many servers, have a say. */
async function councilOf(masters: readonly TestMaster[], servers: number): Promise<void> {
  await waitUntil(
    async () => {
      const { accepted } = await (await activeOf(masters)).stored()
      return accepted!.former === undefined && accepted!.masters.length === masters.length && accepted!.voters.length === masters.length + servers // prettier-ignore
    },
    { what: `a council of ${masters.length} masters and ${servers} servers` },
  )
}

/** A cache server that does nothing but vote. */
async function voter(t: TestContext, name: string, masters: readonly TestMaster[]): Promise<Link[]> {
  const ballot = new Ballot<KeptState>(termBoundMs(defaultTiming))
  const details = ['127.0.0.1', name.charCodeAt(0), 0, '', 1, 1e6, 0, 0]
  const hello = { role: 'cache-server', cluster: CLUSTER, id: name.repeat(40), details } as const
  return Promise.all(
    masters.map(async ({ node }) => {
      const link = await dial(nodeRuntime, node.address, hello, 5000)
      link.handlers = {
        message: (message) => {
          if (isQuestion(message))
            link.send(answerMessage(ballot.answer(nodeRuntime.now(), readQuestion(message))))
        },
        close: () => undefined,
      }
      t.after(() => link.terminate())
      return link
    }),
  )
}

describe('masters that vote', () => {
  it('go on when the active one ends; it comes back as a standby', async (t) => {
    const first = await new TestMaster('first', []).start(t)
    const second = await new TestMaster('second', [first.node.address]).start(t)
    const third = await new TestMaster('third', [first.node.address, second.node.address]).start(t)
    const all = [first, second, third]
    assert.equal(await activeOf(all), first)
    await councilOf(all, 0)
    const { epoch, version } = await first.topology()
    const before = await first.stored()
    await first.node.close()
    const next = await activeOf([second, third])
    const topology = await next.topology()
    assert.ok(topology.epoch > epoch && topology.version > version)
    await first.start(t)
    await waitUntil(async () => (await first.stored()).accepted!.epoch === topology.epoch, {
      what: 'the news',
    })
    assert.equal(first.node.isReady, false)
    assert.equal((await first.stored()).masterId, before.masterId)
  })

  it('two suffice where a cache server votes, and what was in effect is in effect with the next', async (t) => {
    const first = await new TestMaster('one', []).start(t)
    const second = await new TestMaster('two', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const { epoch, version, servers } = await first.topology()
    assert.deepEqual(servers.map((server) => server?.id), ['a'.repeat(40)]) // prettier-ignore
    await first.node.close()
    assert.equal(await activeOf([second]), second)
    const topology = await second.topology()
    assert.ok(topology.epoch > epoch && topology.version > version)
    assert.deepEqual(topology.servers.map((server) => server?.id), ['a'.repeat(40)]) // prettier-ignore
  })

  it('hand over to each other when they are asked to', async (t) => {
    const first = await new TestMaster('gives', []).start(t)
    const second = await new TestMaster('takes', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    for (const [from, to] of [
      [first, second],
      [second, first],
    ] as const) {
      // prettier-ignore
      const { epoch, version } = from.node.core!.topology
      const { id, role } = await from.node.handOver(undefined)
      assert.deepEqual([id, role], [to.node.id, 'active'])
      assert.notEqual(to.node.core, undefined)
      await until(() => to.node.isReady)
      assert.equal(from.node.core, undefined)
      const { topology } = to.node.core!
      assert.ok(topology.epoch > epoch && topology.version > version)
    }
    await assert.rejects(first.node.handOver(first.node.id), { code: 'INVALID_ARGUMENT' })
    await second.node.close()
    await until(() => first.node.otherMasters.every(({ alive }) => !alive))
    await assert.rejects(first.node.handOver(undefined), { code: 'UNREACHABLE' })
    assert.equal(first.node.isReady, true)
  })

  it('end after another has taken over, when that is wanted and can be', async (t) => {
    const first = await new TestMaster('retires', []).start(t)
    const second = await new TestMaster('follows', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    await first.node.retire()
    assert.notEqual(second.node.core, undefined)
    await until(() => second.node.isReady)
    await second.node.retire()
  })

  it('go on when the one that was to take over has gone', async (t) => {
    const first = await new TestMaster('stays', []).start(t)
    const second = await new TestMaster('fails', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const handOver = first.node.handOver(second.node.id)
    await Promise.all([assert.rejects(handOver, { name: 'IcfError' }), second.node.close()])
    await activeOf([first])
  })

  it('end also while a commit waits for voters that are gone', async (t) => {
    const first = await new TestMaster('waits', []).start(t)
    const second = await new TestMaster('goes', [first.node.address]).start(t)
    const links = await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const { version } = (await first.stored()).accepted!
    for (const link of links) link.terminate()
    await second.node.close()
    await voter(t, 'b', [first])
    await waitUntil(async () => (await first.stored()).accepted!.version > version, { what: 'a commit' })
    await first.node.close()
  })

  it('find each other though nobody named all of them, and are all in the topology', async (t) => {
    const first = await new TestMaster('known', []).start(t)
    const second = await new TestMaster('also known', [first.node.address]).start(t)
    const third = await new TestMaster('late', [first.node.address]).start(t)
    const all = [first, second, third]
    await councilOf(all, 0)
    const { masters } = await first.topology()
    assert.deepEqual(
      new Set(masters.map(({ port, machine }) => `${port} ${machine}`)),
      new Set(all.map(({ node, name }) => `${node.address.port} ${name}`)),
    )
    await first.node.close()
    await activeOf([second, third])
  })

  it('give one up that an operator says is gone, and take it again when it is back', async (t) => {
    const first = await new TestMaster('keeper', []).start(t)
    const second = await new TestMaster('given up', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const { id } = second.node
    await assert.rejects(first.node.forget(id), { code: 'INVALID_ARGUMENT', message: /is connected: end its process/ }) // prettier-ignore
    await assert.rejects(first.node.forget(first.node.id), { code: 'INVALID_ARGUMENT', message: /is the active one/ }) // prettier-ignore
    await assert.rejects(first.node.forget('nobody'), { code: 'UNKNOWN_SERVER' })
    await assert.rejects(second.node.forget(first.node.id), { code: 'STANDBY' })
    await second.node.close()
    await until(() => first.node.otherMasters.some(({ alive }) => !alive))
    const address = `127.0.0.1:${second.node.address.port}`
    assert.equal((await first.node.forget(address)).id, id)
    const { accepted } = await first.stored()
    assert.deepEqual([accepted!.voters, accepted!.former], [[first.node.id], undefined])
    await waitUntil(async () => (await first.topology()).masters.length === 1, {
      what: 'the topology to list one',
    })
    assert.deepEqual(first.node.otherMasters, [])
    await second.start(t)
    await councilOf([first, second], 1)
  })

  it('are ready as what they are, and a standby not when it follows nobody', async (t) => {
    const first = await new TestMaster('up', []).start(t)
    const second = await new TestMaster('beside', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const health = async ({ node }: TestMaster): Promise<unknown[]> => {
      const response = await fetch(`http://127.0.0.1:${node.httpAddress!.port}/readyz`)
      return [response.status, await response.json()]
    }
    assert.deepEqual(await health(first), [200, { ready: true, role: 'active' }])
    assert.deepEqual(await health(second), [200, { ready: true, role: 'standby' }])
    const third = await new TestMaster('alone and new', [{ host: '127.0.0.1', port: await freePort() }]).start(t) // prettier-ignore
    assert.deepEqual(await health(third), [503, { ready: false, role: 'standby' }])
  })

  it('tell whoever comes to a standby where the others are', async (t) => {
    const first = await new TestMaster('asked for', []).start(t)
    const second = await new TestMaster('asked', [first.node.address]).start(t)
    const third = await new TestMaster('not asked', [first.node.address, second.node.address]).start(t)
    await councilOf([first, second, third], 0)
    const self = { role: 'client', cluster: CLUSTER, id: '', details: [] } as const
    const link = await dial(nodeRuntime, third.node.address, self, 5000)
    t.after(() => link.terminate())
    assert.deepEqual(
      new Set(readMasters(link.remote, 'client').map(({ id, port }) => `${id} ${port}`)),
      new Set([first, second, third].map(({ node }) => `${node.id} ${node.address.port}`)),
    )
  })

  it('has a vote only where cache servers look for it', async (t) => {
    const first = await new TestMaster('moved', []).start(t)
    await activeOf([first])
    await first.node.close()
    const errors: string[] = []
    await first.start(t, errors, await freePort())
    await until(() => errors.length > 0)
    assert.match(errors[0]!, /this master has a vote as the one at 127\.0\.0\.1:\d+, where cache servers would look for it in vain/) // prettier-ignore
    assert.equal(first.node.isReady, false)
  })

  it('moved: it has no vote until another one has listed it where it is, and one then', async (t) => {
    const first = await new TestMaster('at home', []).start(t)
    const second = await new TestMaster('moves', [first.node.address]).start(t)
    await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    await second.node.close()
    await second.start(t, [], await freePort())
    const { port } = second.node.address
    const listed = async (): Promise<boolean> =>
      (await first.topology()).masters.some((one) => one.port === port)
    await waitUntil(listed, { what: 'the new address to be listed' })
    assert.ok(!(await first.stored()).accepted!.masters.includes(second.node.id))
    await councilOf([first, second], 1)
    assert.equal((await first.node.handOver(undefined)).port, port)
    await until(() => second.node.isReady)
  })

  it('vote for a master whose state they can not read', async (t) => {
    const second = await new TestMaster('older', [{ host: '127.0.0.1', port: await freePort() }]).start(t)
    const details = masterDetails({
      address: { host: '127.0.0.1', port: 9 },
      httpPort: 0,
      machine: '',
      knows: 2,
    })
    const link = await dial(nodeRuntime, second.node.address, { role: 'master', cluster: CLUSTER, id: 'newer', details }, 5000) // prettier-ignore
    t.after(() => link.terminate())
    const state = { epoch: 2 ** 40, version: 5, voters: ['newer'], masters: ['newer'], former: undefined, body: Buffer.from('{"format":9}') } // prettier-ignore
    const answered = new Promise<boolean>((resolve) => {
      link.handlers = {
        message: (message) => resolve(readAnswer(message).isYes),
        close: () => resolve(false),
      }
    })
    link.send(questionMessage({ type: 'beat', number: 1, epoch: state.epoch, state }))
    assert.ok(await answered)
    await second.node.close()
    await second.start(t)
  })

  it('of which one is left alone is not active, until the other is back', async (t) => {
    const first = await new TestMaster('left', []).start(t)
    const second = await new TestMaster('right', [first.node.address]).start(t)
    const [toFirst, toSecond] = await voter(t, 'a', [first, second])
    await councilOf([first, second], 1)
    const { epoch } = await first.topology()
    for (const link of [toFirst, toSecond]) link!.terminate()
    await first.node.close()
    await second.node.close()
    await second.start(t)
    const started = nodeRuntime.now()
    await until(() => nodeRuntime.now() - started > 2000)
    assert.equal(second.node.isReady, false)
    await first.start(t)
    assert.ok((await (await activeOf([first, second])).topology()).epoch > epoch)
  })

  it('begin with what a master had that was alone until then', async (t) => {
    const alone = await new TestMaster('alone', []).startAlone()
    await alone.node.close()
    const path = join(folder, 'alone', 'state.json')
    const { topology } = decodeState(await readFile(path, 'utf8'), path)
    await alone.start(t)
    const next = await (await activeOf([alone])).topology()
    assert.ok(next.epoch > topology.epoch)
    assert.equal(next.version, topology.version + 1)
  })

  it('that were both alone until then do not mix their clusters', async (t) => {
    const ports = [await freePort(), await freePort()]
    const addresses = ports.map((port) => ({ host: '127.0.0.1', port }))
    const all = ports.map((port, i) => new TestMaster(`both ${i}`, addresses, port))
    for (const master of all) await (await master.startAlone()).node.close()
    const errors: string[] = []
    for (const master of all) await master.start(t, errors)
    await until(() => errors.length >= 2)
    assert.match(errors[0]!, /has the state of a cluster of its own, and so has another/)
    assert.deepEqual(all.map(({ node }) => node.isReady), [false, false]) // prettier-ignore
    await all[1]!.node.close()
    await all[1]!.forget()
    await all[1]!.start(t)
    assert.equal(await activeOf(all), all[0])
  })

  it('found one cluster when all begin at once', async (t) => {
    const ports = await Promise.all([1, 2, 3].map(freePort))
    const addresses = ports.map((port) => ({ host: '127.0.0.1', port }))
    const all = ports.map((port, i) => new TestMaster(`new ${i}`, addresses, port))
    await Promise.all(all.map((master) => master.start(t)))
    await councilOf(all, 0)
    assert.equal(all.filter(({ node }) => node.isReady).length, 1)
  })
})
