import {
  CommandCode,
  limits,
  MessageType,
  readTopologyUpdate,
  topologyRequest,
  toVersion1,
  type FrameReader,
} from '@icf/common'
import { dial, nodeRuntime, type Link } from '@icf/common/node'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { it, type TestContext } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { FakeMember, startServer } from './start.test.kit.js'

const VALUE = Buffer.alloc(200 * 1024)
/** 64 MiB on their way to the backup: more are not read. */
const HELD_AT = Math.ceil((64 * 1024 * 1024) / VALUE.length)
const WRITES = HELD_AT + 100
/** Of what waits for much data, or for somebody who may not come. */
const LIMIT = { timeout: 150_000 }

const resultsIn = (frame: FrameReader): unknown[] =>
  resultsOf(toVersion1(frame, frame.ahead)).map(([, result]) => result)

/** A server and its master, as long as the test runs. */
async function startBoth(t: TestContext): Promise<{ master: FakeMember; server: RunningCacheServer }> {
  const master = await FakeMember.start({})
  t.after(() => master.stop())
  const server = await startServer([master.address])
  t.after(() => server.kill())
  await until(() => master.links.size === 1)
  return { master, server }
}

/** A client of the server, as long as the test runs. */
async function connect(t: TestContext, { address }: RunningCacheServer, id: string): Promise<Link> {
  const self = { role: 'client', cluster: 'test', id, details: [] } as const
  const client = await dial(nodeRuntime, address, self, 2000)
  t.after(() => {
    client.handlers = { message: () => undefined, close: () => undefined }
    client.terminate()
  })
  return client
}

it('reads clients on when the backup that they waited for is gone', LIMIT, async (t) => {
  const peerId = 'b'.repeat(40)
  const peer = await FakeMember.start({ role: 'cache-server', id: peerId })
  t.after(() => peer.stop())
  const { master, server } = await startBoth(t)
  master.publish(1, [server, { id: peerId, address: peer.address }])
  await until(() => peer.links.size === 1)

  const client = await connect(t, server, 'c')
  let answers = 0
  client.handlers = {
    message: () => undefined,
    data: (frame) => (answers += resultsIn(frame).filter((result) => result === true).length),
    close: () => assert.fail('closed'),
  }
  for (let i = 0; i < WRITES; i++) {
    const set = [CommandCode.SET, `key ${i}`, VALUE, 0, 0, 0]
    client.sendData(dataOf([MessageType.COMMANDS, 1, 1, i, i + 1, 1, ...set]).bytes)
  }
  let values = 0
  await until(() => {
    for (const batch of peer.received.splice(0))
      values += batch.filter((field) => field instanceof Uint8Array).length
    return values >= HELD_AT
  })
  assert.equal(answers, 0)
  assert.ok(values < WRITES)

  master.publish(2, [server])
  await until(() => answers === WRITES)
})

it('answers a frame of which all answers together are more than a link may have unsent', LIMIT, async (t) => {
  const { master, server } = await startBoth(t)
  master.publish(1, [server])
  const client = await connect(t, server, 'c')
  const reads = Math.ceil(limits.linkOverflowBytes / VALUE.length) + 100
  let answers = 0
  let isClosed = false
  client.handlers = {
    message: () => undefined,
    data: (frame) => (answers += resultsIn(frame).filter((result) => result instanceof Uint8Array).length),
    close: () => (isClosed = true),
  }
  const gets = Array.from({ length: reads }, () => [CommandCode.GET, 'key']).flat()
  const set = [CommandCode.SET, 'key', VALUE, 0, 0, 0]
  client.sendData(dataOf([MessageType.COMMANDS, 1, 1, 0, 1, 1, ...set, ...gets]).bytes)
  await until(() => answers === reads || isClosed)
  assert.equal(answers, reads)
})

it('tells a client that found no master where everybody is', LIMIT, async (t) => {
  const { master, server } = await startBoth(t)
  const client = await connect(t, server, '')
  const versions: number[] = []
  client.handlers = {
    message: (message) => versions.push(readTopologyUpdate(message, undefined)!.version),
    close: () => undefined,
  }
  client.send(topologyRequest)
  await until(() => versions.length === 1)
  master.publish(7, [server])
  await until(() => {
    client.send(topologyRequest)
    return versions.includes(7)
  })
  assert.equal(versions[0], 0)
})
