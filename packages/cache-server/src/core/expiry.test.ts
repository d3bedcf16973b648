import { CommandCode, keySlot, MessageType, NONE } from '@icf/common'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { CacheServerCore } from './cache-server-core.js'
import type { ClientSession } from './client-session.js'
import { LEASE_MS, nobody, renewLease, topologyOf } from './members.test.kit.js'

describe('time to live', () => {
  let core: CacheServerCore
  let client: ClientSession
  let answers: RecordingPort

  beforeEach(() => {
    answers = new RecordingPort()
    core = new CacheServerCore({
      id: 'a'.repeat(40),
      budgetBytes: 64 * 1024 * 1024,
      ...nobody,
    })
    core.masterConnected(LEASE_MS)
    renewLease(core, 0)
    core.adopt(topologyOf(1, 0, NONE), 0)
    client = core.openClient(answers, '')
  })

  const run = (now: number, ...command: unknown[]): unknown => {
    core.clientData(client, dataOf([MessageType.COMMANDS, 1, 1, 1, 0, 0, ...command]), now)
    core.flush(() => now)
    return resultsOf(answers.sent.pop()!)[0]![1]
  }

  it('ends when it is over, to the millisecond', () => {
    run(100, CommandCode.SET, 'k', 'v', 1, 50, 0)
    assert.equal(run(110, CommandCode.TTL, 'k'), 40)
    assert.equal(run(149, CommandCode.GET, 'k'), 'v')
    assert.equal(run(150, CommandCode.GET, 'k'), null)
    assert.equal(core.writer.expirations, 1)
    assert.equal(run(150, CommandCode.TTL, 'k'), null)
    assert.equal(run(150, CommandCode.DELETE, 'k'), false)
  })

  it('is taken off by a plain SET', () => {
    run(0, CommandCode.SET, 'k', 'v', 1, 50, 0)
    run(10, CommandCode.SET, 'k', 'w', 1, 0, 0)
    assert.equal(run(20, CommandCode.TTL, 'k'), -1)
    assert.equal(run(1000, CommandCode.GET, 'k'), 'w')
  })

  it('frees keys that nobody reads, a slice at a time, and leaves the others', () => {
    for (let i = 0; i < 5000; i++) run(0, CommandCode.SET, `key${i}`, 'v', 1, i % 2 === 0 ? 100 : 0, 0)
    let slices = 1
    while (core.work(200)) slices++
    assert.ok(slices > 3, `took ${slices} slices`)
    assert.equal(core.store.counts().primaryKeys, 2500)
    assert.equal(run(200, CommandCode.GET, 'key1'), 'v')
    assert.equal(core.store.peek(keySlot('key2'), 'key2'), undefined)
  })

  it('frees the keys of one slot in slices, too, and those that expire later in a later scan', () => {
    for (let i = 0; i < 5000; i++) run(0, CommandCode.SET, `{tag}${i}`, 'v', 1, i < 4000 ? 100 : 3000, 0)
    const left: number[] = []
    for (let more = true; more;) {
      more = core.work(200)
      left.push(core.store.counts().primaryKeys)
    }
    assert.equal(left.at(-1), 1000)
    assert.ok(left.length >= 8 && left[0]! >= 4000, left.join())
    while (core.work(3000));
    assert.equal(core.store.counts().primaryKeys, 0)
  })
})
