import { CommandCode, limits, MessageType, readTopologyUpdate, topologyRequest } from '@icf/common'
import { dial, nodeRuntime } from '@icf/common/node'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FakeMember, startServer } from './start.test.kit.js'

const VALUE = Buffer.alloc(200 * 1024)
/** 64 MiB on their way to the backup: more are not read. */
const HELD_AT = Math.ceil((64 * 1024 * 1024) / VALUE.length)
const WRITES = HELD_AT + 100

it('reads clients on when the backup that they waited for is gone', async () => {
  const peerId = 'b'.repeat(40)
  const master = await FakeMember.start({})
  const peer = await FakeMember.start({ role: 'cache-server', id: peerId })
  const server = await startServer([master.address])
  await until(() => master.links.size === 1)
  master.publish(1, [server, { id: peerId, address: peer.address }])
  await until(() => peer.links.size === 1)

  const client = await dial(
    nodeRuntime,
    server.address,
    { role: 'client', cluster: 'test', id: 'c', details: [] },
    2000,
  )
  let answers = 0
  client.handlers = {
    message: (message) => (answers += message.filter((field) => field === true).length),
    close: () => assert.fail('closed'),
  }
  for (let i = 0; i < WRITES; i++)
    client.send([MessageType.COMMANDS, 1, 1, i, i + 1, 1, 1, `key ${i}`, VALUE, 0, 0, 0])
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
  client.handlers = { message: () => undefined, close: () => undefined }
  client.terminate()
  await server.kill()
  await peer.stop()
  await master.stop()
})

it('answers a frame of which all answers together are more than a link may have unsent', async (t) => {
  const master = await FakeMember.start({})
  const server = await startServer([master.address])
  await until(() => master.links.size === 1)
  master.publish(1, [server])
  t.after(async () => {
    client.terminate()
    await server.kill()
    await master.stop()
  })
  const client = await dial(
    nodeRuntime,
    server.address,
    { role: 'client', cluster: 'test', id: 'c', details: [] },
    2000,
  )
  const reads = Math.ceil(limits.linkOverflowBytes / VALUE.length) + 100
  let answers = 0
  let isClosed = false
  client.handlers = {
    message: (message) => (answers += message.filter((field) => field instanceof Uint8Array).length),
    close: () => (isClosed = true),
  }
  const gets = Array.from({ length: reads }, () => [CommandCode.GET, 'key']).flat()
  client.send([MessageType.COMMANDS, 1, 1, 0, 1, 1, CommandCode.SET, 'key', VALUE, 0, 0, 0, ...gets])
  await until(() => answers === reads || isClosed)
  assert.equal(answers, reads)
})

it('tells a client that found no master where everybody is', async (t) => {
  const master = await FakeMember.start({})
  const server = await startServer([master.address])
  await until(() => master.links.size === 1)
  const self = { role: 'client', cluster: 'test', id: '', details: [] } as const
  const client = await dial(nodeRuntime, server.address, self, 2000)
  t.after(async () => {
    client.terminate()
    await server.kill()
    await master.stop()
  })
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
