import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { entryCost } from './entry-cost.js'
import { Entry } from './entry.js'
import { Records } from './records.js'

const MIB = 1024 * 1024
const KEY = 'k'.repeat(20)

/** What an entry is charged for the tables that lead to it. */
const INDEX_BYTES = 32

describe('an entry is charged', () => {
  it('its chunk, and its part of the tables', () => {
    // 43 bytes, the key and the value, in the next larger chunk.
    for (const [valueBytes, chunk] of [
      [0, 64],
      [1, 64],
      [2, 80],
      [100, 176],
      [113, 176],
      [1000, 1136],
      [8000, 8192],
    ] as const)
      // prettier-ignore
      assert.equal(entryCost(20, valueBytes), INDEX_BYTES + chunk, `a value of ${valueBytes}`)
  })

  it('memory of its own, of a value that has no room in a chunk', () => {
    assert.equal(entryCost(20, 100_000), INDEX_BYTES + 64 + 100_000 + 350)
    assert.equal(entryCost(20, 64 * MIB), INDEX_BYTES + 64 + 64 * MIB + 350)
  })

  it('the dearer of both where it depends on the server', () => {
    assert.equal(entryCost(20, 9360 - 63), INDEX_BYTES + 64 + 9360 - 63 + 350)
    assert.equal(entryCost(20, 9360 - 62), INDEX_BYTES + 10_080)
  })

  it('no less for a longer value, and at most an eighth more than its bytes beside a constant', () => {
    let before = 0
    for (let valueBytes = 0; valueBytes < 40_000; valueBytes++) {
      const cost = entryCost(20, valueBytes)
      assert.ok(cost >= before, `a value of ${valueBytes}`)
      assert.ok(cost > 63 + valueBytes)
      assert.ok(
        cost <= (1 + 1 / 8) * (63 + valueBytes) + 100 || cost - valueBytes < 500,
        `${valueBytes}: ${cost}`,
      )
      before = cost
    }
  })

  for (const budgetMib of [16, 100, 1024])
    it(`what it takes of a server of ${budgetMib} MiB, at least`, () => {
      for (const valueBytes of [0, 100, 1000, 4096, 4097, 8100, 8200, 9000, 16_300, 16_400, 32_600, 33_000]) {
        const records = new Records(budgetMib * MIB)
        const count = 100
        let charged = 0
        let apart = 0
        for (let i = 0; i < count; i++) {
          const entry = new Entry(KEY, 0, i, Buffer.alloc(valueBytes), 0, 0)
          const handle = records.add(entry)
          assert.equal(records.costBytes(handle), entry.costBytes)
          charged += entry.costBytes
          if (records.isLarge(handle)) apart += valueBytes
        }
        assert.ok(charged >= records.usedBytes + apart + count * INDEX_BYTES, `values of ${valueBytes}`)
      }
    })
})
