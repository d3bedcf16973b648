import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, limits } from '@icf/common'
import fc from 'fast-check'
import { PendingCall } from './call.js'
import { ID_END, InFlight } from './in-flight.js'

function newCall(): PendingCall {
  const unused = (): void => undefined
  return new PendingCall(CommandCode.GET, 'k', 0, 1000, unused, unused, undefined, 0)
}

/** Adds a frame of calls. @returns their ids */
function addFrame(table: InFlight, count: number): number[] {
  const first = table.beginFrame()
  for (let i = 0; i < count; i++) table.add(newCall())
  return Array.from({ length: count }, (_, i) => first + i)
}

test('each id gives its call once, whatever the order of frames and answers', () => {
  const frame = fc.record({
    count: fc.integer({ min: 1, max: 700 }),
    answered: fc.float({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 20 }), fc.infiniteStream(fc.nat()), (frames, picks) => {
      const table = new InFlight()
      const expected = new Map<number, PendingCall>()
      for (const { count, answered } of frames) {
        const first = table.beginFrame()
        for (let i = 0; i < count; i++) {
          const call = newCall()
          assert.ok(!expected.has(first + i))
          expected.set(first + i, call)
          table.add(call)
        }
        const ids = [...expected.keys()]
        for (let n = Math.floor(ids.length * answered); n > 0; n--) {
          const id = ids[picks.next().value! % ids.length]!
          assert.equal(table.take(id), expected.get(id))
          expected.delete(id)
        }
        assert.equal(table.count, expected.size)
      }
      assert.deepEqual(table.drain(), [...expected.values()])
      assert.equal(table.count, 0)
    }),
    { numRuns: 100 },
  )
})

test('ids wrap before they leave the range of small integers, and a frame never straddles the end', () => {
  const table = new InFlight(ID_END - limits.maxCommandsPerFrame - 10)
  const before = addFrame(table, 20)
  const after = addFrame(table, 20)
  assert.equal(after[0], 0)
  for (const id of [...before, ...after]) assert.ok(table.take(id), `${id}`)
  assert.equal(table.count, 0)
})

test('after a wrap, ids in use are stepped over', () => {
  // A span of 3 pages in place of 2^31 ids: the table comes around after that.
  const table = new InFlight(0, 768 + limits.maxCommandsPerFrame)
  const [slow] = addFrame(table, 1)
  const seen = new Set([slow!])
  for (let round = 0; round < 50; round++) {
    const ids = addFrame(table, 100)
    for (const id of ids) assert.ok(!seen.has(id), `id ${id} is in use`)
    for (const id of ids) assert.ok(table.take(id))
  }
  assert.equal(table.count, 1)
  assert.ok(table.take(slow!))
})

test('an answer to nothing is nothing', () => {
  const table = new InFlight()
  assert.equal(table.take(0), undefined)
  const [id] = addFrame(table, 1)
  assert.ok(table.take(id!))
  assert.equal(table.take(id!), undefined)
  assert.equal(table.take(id! + PAGE_DISTANCE), undefined)
  assert.equal(table.count, 0)
})

const PAGE_DISTANCE = 100_000

test('one slow call does not keep what came after it', () => {
  const table = new InFlight()
  const [slow] = addFrame(table, 1)
  for (let round = 0; round < 1000; round++) for (const id of addFrame(table, 256)) assert.ok(table.take(id))
  assert.equal(table.count, 1)
  assert.ok(table.pageCount <= 3, `${table.pageCount} pages`)
  assert.ok(table.take(slow!))
})
