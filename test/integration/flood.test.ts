// More than a server can take at once is answered in its turn or refused, and takes no more memory than the server has.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { platform } from 'node:os'
import { after, before, describe, it, type TestContext } from 'node:test'
import { CommandCode, limits, MessageType, PROTOCOL_VERSION, toVersion1 } from '@icf/common'
import { dial, encodeFrame, nodeRuntime, type Link } from '@icf/common/node'
import type { Client } from '@icf/client'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { Cluster } from '../support/cluster.js'
import { RawWebSocket } from '../support/raw-websocket.js'

const MIB = 1024 ** 2
const BUDGET_BYTES = 256 * MIB
/** As in memory.test.ts. */
const MAX_RSS_BYTES = 1.15 * BUDGET_BYTES
/**
 * The same of large values that drive each other out: docs/memory.md says what those take beside the budget that were evicted
 * and are not collected yet, which depends on how busy the machine is. Far less than all that is under way at once.
 */
const MAX_EVICTING_RSS_BYTES = 2 * BUDGET_BYTES
const WRITERS = 32
const PATIENT = { timeoutMs: 120_000 }

describe('a flood', () => {
  let cluster: Cluster
  let cache: Client

  before(async () => {
    cluster = await Cluster.start({ servers: 1, serverArgs: ['--max-memory', `${BUDGET_BYTES}b`] })
    cache = await cluster.connect()
  })

  after(async () => {
    await cache.close()
    await cluster.stop()
  })

  it('of a million commands in one frame is refused', async (t) => {
    await cache.set('k', 'value')
    const { epoch, version } = cache.topology
    const header = [MessageType.COMMANDS, epoch, version, 0, 1, 0]
    const gets = (count: number): unknown[] => new Array<unknown[]>(count).fill([CommandCode.GET, 'k']).flat()
    const million = [...header, ...gets(1_000_000)]
    for (const [frame, reason] of [
      [dataOf(million).bytes, `more than ${limits.maxCommandsPerFrame} commands`],
      [encodeFrame(million), `more than ${limits.maxFrameElements} elements`],
    ] as const) {
      const socket = await RawWebSocket.open(cluster.servers[0]!.port)
      socket.send(encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, 'client', cluster.name, '', []]))
      socket.send(frame)
      await socket.closed
      // Before it come answers, which are no msgpack.
      const refusal = socket.frames.find(
        ({ payload }) => payload[0]! >= 0x80 && payload[1] === MessageType.REFUSED,
      )
      assert.match(refusal!.payload.toString(), new RegExp(reason))
      await unharmed(t)
    }
  })

  it('of a hundred clients that each ask for many objects of 100 KB at once is answered', async (t) => {
    const keys = Array.from({ length: 40 }, (_, i) => `object ${i}`)
    const value = Buffer.alloc(100_000, 7)
    for (const key of keys) await cache.set(key, value)
    const clients = await Promise.all(Array.from({ length: 100 }, () => cluster.connect()))
    const found = await Promise.all(clients.map((client) => client.getMany(keys, PATIENT)))
    await Promise.all(clients.map((client) => client.close()))
    for (const values of found)
      for (const each of values) assert.ok(each instanceof Uint8Array && value.equals(each))
    await unharmed(t)
  })

  it('of a hundred clients that each store many objects of 100 KB by one frame is stored', async (t) => {
    const { epoch, version } = cache.topology
    const links = await Promise.all(Array.from({ length: 100 }, () => open(cluster)))
    const sets = Array.from({ length: 40 }, (_, i) => [CommandCode.SET, `object ${i}`, Buffer.alloc(100_000, 8), 0, 0, 0]) // prettier-ignore
    const frame = dataOf([MessageType.COMMANDS, epoch, version, 0, 1, 0, ...sets.flat()]).bytes
    const answers = links.map((link) => results(link, sets.length))
    for (const link of links) {
      link.sendData(frame)
      link.resume()
    }
    for (const each of await Promise.all(answers)) assert.deepEqual(each, new Set([true]))
    for (const link of links) link.terminate()
    await unharmed(t)
    // It kept its lease, and nobody took it for dead.
    assert.deepEqual([cache.topology.epoch, cache.topology.version], [epoch, version])
  })

  it('of answers to a client that does not read them keeps no values that are overwritten meanwhile', async (t) => {
    const bytes = 4 * MIB
    await cache.set('large', Buffer.alloc(bytes))
    const links = await Promise.all(Array.from({ length: 8 }, () => open(cluster)))
    const { epoch, version } = cache.topology
    for (let round = 0; round < 40; round++) {
      for (const link of links)
        link.sendData(
          dataOf([MessageType.COMMANDS, epoch, version, round, 1, 0, CommandCode.GET, 'large']).bytes,
        )
      await cache.set('large', Buffer.alloc(bytes, round), PATIENT)
    }
    await unharmed(t)
    for (const link of links) link.terminate()
  })

  it('of large values from many clients at once, together more than the memory, is stored in turn', async (t) => {
    const clients = await Promise.all(Array.from({ length: WRITERS }, () => cluster.connect()))
    const store = (client: Client, number: number): Promise<unknown> =>
      client.set(`16 MiB ${number}`, Buffer.alloc(16 * MIB, number), PATIENT)
    await Promise.all(clients.map(store))
    await Promise.all(clients.map((client) => client.close()))
    await unharmed(t, MAX_EVICTING_RSS_BYTES)
  })

  async function unharmed(t: TestContext, maxRssBytes = MAX_RSS_BYTES): Promise<void> {
    await cache.set('small', 'value')
    assert.equal(await cache.get('small'), 'value')
    if (platform() !== 'linux') return
    const { pid } = cluster.servers[0]!.child
    const peakBytes = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024
    t.diagnostic(`peak RSS ${Math.round(peakBytes / MIB)} MB`)
    assert.ok(peakBytes < maxRssBytes, `the peak was ${Math.round(peakBytes / MIB)} MB`)
  }
})

/** The different ones of so many results, when they have come. */
function results(link: Link, count: number): Promise<Set<unknown>> {
  const different = new Set<unknown>()
  let left = count
  return new Promise((resolve, reject) => {
    link.handlers = {
      message: ([type, ...fields]) => reject(new Error(`message ${String(type)}: ${fields.join(', ')}`)),
      data(frame) {
        for (const [, result] of resultsOf(toVersion1(frame, frame.ahead))) {
          left--
          different.add(result)
        }
        if (left === 0) resolve(different)
      },
      close: () => reject(new Error('the connection was closed')),
    }
  })
}

/** A client that reads nothing. */
async function open(cluster: Cluster): Promise<Link> {
  const address = { host: '127.0.0.1', port: cluster.servers[0]!.port }
  const self = { role: 'client', cluster: cluster.name, id: '', details: [] } as const
  const link = await dial(nodeRuntime, address, self, 5000)
  link.handlers = { message: () => undefined, data: () => undefined, close: () => undefined }
  link.pause()
  return link
}
