import assert from 'node:assert/strict'
import { it } from 'node:test'
import fc from 'fast-check'
import { PendingWrite } from './pending-write.js'
import { PendingWrites } from './pending-writes.js'

/** Near one another, as those of one page, and up to the last that there can be. */
const handles = fc.oneof(fc.integer({ min: 1, max: 20_000 }), fc.integer({ min: 1, max: 2 ** 32 - 1 }))

it('finds each write at its handle, until it is removed', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(handles, { minLength: 1, maxLength: 500 }),
      fc.infiniteStream(fc.boolean()),
      (all, goes) => {
        const pending = new PendingWrites()
        const expected = new Map<number, PendingWrite>()
        const look = (): void => {
          for (const handle of all) assert.equal(pending.at(handle), expected.get(handle))
        }
        for (const handle of all) {
          const write = new PendingWrite(0, `key of ${handle}`, true, undefined, 0, 0 as never)
          write.handle = handle
          expected.set(handle, write)
          pending.add(write)
        }
        look()
        for (const [handle, write] of expected)
          if (goes.next().value) {
            assert.equal(pending.take(handle), write)
            assert.equal(pending.take(handle), undefined)
            expected.delete(handle)
          }
        look()
      },
    ),
    { numRuns: 50 },
  )
})

it('finds the others of a chain, whichever of it goes', () => {
  const writes = Array.from({ length: 60_000 }, (_, i) => {
    const write = new PendingWrite(0, '', true, undefined, i, 0 as never)
    write.handle = 1 + i
    return write
  })
  const pending = new PendingWrites()
  for (const write of writes) pending.add(write)
  for (const write of writes) if (write.id % 3 === 1) pending.take(write.handle)
  for (const write of writes) assert.equal(pending.at(write.handle), write.id % 3 === 1 ? undefined : write)
  for (const write of writes) if (write.id % 3 !== 1) assert.equal(pending.take(write.handle), write)
  for (const write of writes) assert.equal(pending.at(write.handle), undefined)
})
