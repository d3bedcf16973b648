// A cache server and several masters, of which one is active.
import { MessageType } from '@icf/common'
import { until } from '@icf/testkit/wait'
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { RunningCacheServer } from './cache-server.js'
import { FakeMember, startServer } from './start.test.kit.js'

const { KEEP_ALIVE, UNREACHABLE } = MessageType

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
