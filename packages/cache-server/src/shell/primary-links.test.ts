import { MessageType, toVersion1, type Message } from '@icf/common'
import { dial, nodeRuntime, type Link } from '@icf/common/node'
import { dataOf } from '@icf/testkit/frames'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { FakeMember, startServer } from './start.test.kit.js'

describe('the link of a primary to its backup', { timeout: 120_000 }, () => {
  const primaryId = 'a'.repeat(40)
  let master: FakeMember
  let server: RunningCacheServer
  let acknowledged: Message[]

  beforeEach(async () => {
    acknowledged = []
    master = await FakeMember.start({})
    server = await startServer([master.address])
    await until(() => master.links.size === 1)
  })

  afterEach(async () => {
    await server.kill()
    await master.stop()
  })

  const open = async (channel: number, serverId: string): Promise<Link> => {
    const details = [channel, serverId]
    const self = { role: 'cache-server', cluster: 'test', id: primaryId, details } as const
    const link = await dial(nodeRuntime, server.address, self, 2000)
    link.handlers = {
      message: () => undefined,
      data: (frame) => acknowledged.push(toVersion1(frame, frame.ahead)),
      close: () => undefined,
    }
    return link
  }
  const sendBatch = (link: Link, number: number): void =>
    link.sendData(dataOf([MessageType.KEY_VALUE_RESPONCE_BACK, 0, 0, number]).bytes)

  it('stays when the primary looks for a server that was at the same address before', async () => {
    const link = await open(5, server.id)
    await assert.rejects(open(2, 'b'.repeat(40)), { code: 'UNKNOWN_SERVER' })
    sendBatch(link, 1)
    await until(() => acknowledged.length === 1)
    assert.deepEqual(acknowledged[0]!.slice(0, 2), [MessageType.BACK_ACK, 1])
    link.terminate()
  })

  it('is closed when the primary opens another', async () => {
    const older = await open(5, server.id)
    const newer = await open(5, server.id)
    await until(() => !older.isOpen)
    sendBatch(newer, 1)
    await until(() => acknowledged.length === 1)
    newer.terminate()
  })
})
