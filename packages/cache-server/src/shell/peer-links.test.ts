import { MessageType, readUnreachable } from '@icf/common'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { FakeMember, startServer, Way } from './start.test.kit.js'

describe('the link to a backup', () => {
  const peerId = 'b'.repeat(40)
  let master: FakeMember
  let peer: FakeMember
  let server: RunningCacheServer

  beforeEach(async () => {
    master = await FakeMember.start({})
    peer = await FakeMember.start({ role: 'cache-server', id: peerId })
    server = await startServer([master.address])
    await until(() => master.links.size === 1)
    master.publish(1, [server, { id: peerId, address: peer.address }])
    await until(() => peer.links.size === 1)
  })

  afterEach(async () => {
    await server.kill()
    await peer.stop()
    await master.stop()
  })

  it('closes when the backup is no longer in the topology', async () => {
    master.publish(2, [server])
    await until(() => peer.links.size === 0)
  })

  it('is opened anew when nothing comes from there any more, though nobody closed it', async () => {
    const way = await Way.to(peer.address)
    const moved = { id: peerId, address: way.address }
    master.publish(2, [server])
    await until(() => peer.links.size === 0)
    master.publish(3, [server, moved])
    await until(() => peer.hellos.length === 2)
    way.forget()
    await until(() => peer.hellos.length === 3)
    await way.close()
  })

  it('is said to be impossible while no attempt succeeds, also in a later term, and to a master that comes later, and until one does', async () => {
    const said = (by: FakeMember) => by.received.filter(([type]) => type === MessageType.UNREACHABLE)
    const { address } = peer
    await peer.stop()
    await until(() => said(master).length === 3)
    // At once, in the first term that it heard of, and when it is so.
    assert.deepEqual(said(master).map(readUnreachable), [[], [], [peerId]])
    master.publish(2, [server, { id: peerId, address }], 2)
    await until(() => said(master).length === 4)
    assert.deepEqual(said(master).map(readUnreachable).at(-1), [peerId])
    const { port } = master.address
    await master.stop()
    master = await FakeMember.start({}, port)
    await until(() => said(master).length === 1)
    peer = await FakeMember.start({ role: 'cache-server', id: peerId }, address.port)
    await until(() => said(master).length === 2)
    assert.deepEqual(said(master).map(readUnreachable), [[peerId], []])
  })

  it('closes when the incarnation that opened it is over', async () => {
    const { id } = server
    master.publish(2, [{ id: peerId, address: peer.address }])
    await until(() => server.id !== id && peer.links.size === 0)
    assert.equal(peer.hellos.length, 1)
  })
})
