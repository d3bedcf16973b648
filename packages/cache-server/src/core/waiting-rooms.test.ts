import { FrameReader, MessageType } from '@icf/common'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientSession } from './client-session.js'
import { MAX_DEFERRED, WaitingRooms, type Deferred } from './waiting-rooms.js'

const header = { epoch: 1, version: 1, firstId: 0, nextNumber: 0, settledBelow: 0 }
const client = {} as ClientSession

function command(value: string, from = client): Deferred {
  const frame = new FrameReader(MessageType.COMMANDS, Buffer.from(value), 0, undefined)
  return { client: from, id: 0, header, frame, nextNumber: 0 }
}

/** What each client had there. */
function taken(rooms: WaitingRooms, name: number): [ClientSession, string[]][] {
  return [...rooms.take(name)].map(([from, commands]) => [
    from,
    commands.map(({ frame }) => frame.bytes.toString()),
  ])
}

describe('waiting rooms', () => {
  it('give commands back in order, but not those of clients that are gone', () => {
    const rooms = new WaitingRooms(10_000)
    const [gone, other] = [{} as ClientSession, {} as ClientSession]
    for (const [value, from] of [['a', client], ['b', gone], ['c', other], ['d', client]] as const) rooms.add(1, command(value, from)) // prettier-ignore
    rooms.add(2, command('elsewhere'))
    rooms.add(3, command('alone', gone))
    rooms.leave(gone)
    assert.deepEqual(taken(rooms, 1), [
      [client, ['a', 'd']],
      [other, ['c']],
    ])
    for (const name of [1, 3]) assert.deepEqual(taken(rooms, name), [])
    assert.deepEqual(taken(rooms, 2), [[client, ['elsewhere']]])
  })

  it('are bounded in commands', () => {
    const rooms = new WaitingRooms(Infinity)
    for (let i = 0; i < MAX_DEFERRED; i++) assert.ok(rooms.add(i % 10, command('')))
    assert.ok(!rooms.add(1, command('')))
    rooms.take(3)
    assert.ok(rooms.add(1, command('')))
  })

  it('are bounded in bytes, though a single command always fits', () => {
    const rooms = new WaitingRooms(10_000)
    assert.ok(rooms.add(1, command('x'.repeat(20_000))))
    assert.ok(!rooms.add(1, command('')))
    rooms.take(1)
    assert.ok(rooms.add(1, command('x'.repeat(9000))))
    assert.ok(!rooms.add(1, command('x'.repeat(1000))))
  })

  it('have the place of who is gone for others', () => {
    const rooms = new WaitingRooms(10_000)
    const gone = {} as ClientSession
    for (const name of [1, 2]) assert.ok(rooms.add(name, command('x'.repeat(4000), gone)))
    assert.ok(!rooms.add(1, command('x'.repeat(4000))))
    rooms.take(2)
    rooms.leave(gone)
    rooms.leave(gone)
    for (const name of [1, 2]) assert.ok(rooms.add(name, command('x'.repeat(4000))))
    assert.ok(!rooms.add(1, command('x'.repeat(4000))))
  })
})
