// What test/fuzz does to processes in memory, in a few hundred frames to real ones, beside clients that must not notice.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { emptyTopology, MessageType, PROTOCOL_VERSION } from '@icf/common'
import { encodeFrame } from '@icf/common/node'
import fc from 'fast-check'
import { dataFrameOf } from '../fuzz/data-frames.js'
import { frameOf, Messages } from '../fuzz/frames.js'
import { Cluster } from '../support/cluster.js'
import { Opcode, RawWebSocket } from '../support/raw-websocket.js'
import { Workload } from '../support/workload/workload.js'

const FRAMES = 400
const AT_ONCE = 8
const SEED = 1

/** A cache server that a master welcomes is a member, which others wait for; so none comes to it. */
const roles = {
  master: ['client', 'admin', undefined],
  'cache server': ['client', 'cache-server', 'probe', undefined],
}

it('hundreds of frames that no icf process would send, to each port, before and after the introduction', async () => {
  const cluster = await Cluster.start({ servers: 2 })
  const cache = await cluster.connect()
  const workload = new Workload(cache, { keys: 500, writers: 2, readers: 2 })
  try {
    await workload.load()
    workload.start()
    const topology = { ...emptyTopology({ virtualNodes: 1, seed: 1 }), epoch: 1, version: 1 }
    const messages = new Messages({ topology, keys: ['mad {1}', 'mad {2}'], ids: ['f'.repeat(40), ''] })
    const kinds = fc.oneof(
      messages.any(),
      messages.chunk(),
      messages.hello(cluster.name, ['client', 'admin']),
    )
    const anyFrame = fc.oneof(frameOf(kinds), dataFrameOf(messages.anyData()))
    const frames = fc.sample(anyFrame, { numRuns: FRAMES, seed: SEED })
    const masterPort = Number(cluster.masterAddresses[0]!.split(':')[1])
    let sent = 0
    const lane = async (): Promise<void> => {
      for (let number = sent++; number < frames.length; number = sent++) {
        const isMaster = number % 2 === 0
        const known = roles[isMaster ? 'master' : 'cache server']
        const role = known[(number >> 1) % known.length]
        const socket = await RawWebSocket.open(isMaster ? masterPort : cluster.servers[0]!.port)
        if (role !== undefined) socket.send(introduction(role, cluster.name, number))
        socket.send(frames[number]!)
        socket.send(Buffer.alloc(0), Opcode.CLOSE)
        await socket.closed
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, lane))
    await workload.progress(100)
    const { errors, violations, details } = workload.report()
    assert.equal(
      errors + Object.values(violations).reduce((sum, count) => sum + count, 0),
      0,
      details.join('\n'),
    )
    const status = await cluster.status()
    assert.deepEqual([status.servers.length, status.settled], [2, true])
  } finally {
    await workload.stop()
    await cache.close()
    await cluster.stop()
  }
})

function introduction(role: string, cluster: string, number: number): Uint8Array {
  const details = role === 'cache-server' ? [1] : []
  return encodeFrame([MessageType.HELLO, PROTOCOL_VERSION, role, cluster, `mad ${number}`, details])
}
