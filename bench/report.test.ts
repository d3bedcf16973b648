import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Sample } from './load.js'
import { median, renderTable, summarize } from './report.js'

const cell = { operation: 'GET', inFlight: 512 } as const

function sample(opsPerSecond: number, us: number, misses = 0): Sample {
  return { opsPerSecond, p50Us: us, p99Us: 2 * us, clientCpuUsPerOp: us / 10, serverCpuUsPerOp: 1, misses }
}

describe('the report', () => {
  it('takes the median of the rounds', () => {
    assert.equal(median([3, 1, 2]), 2)
    assert.equal(median([4, 1, 2, 3]), 2.5)
    const { medians, range } = summarize(
      cell,
      new Map([['icf', [sample(10, 3), sample(30, 1), sample(20, 2)]]]),
    )
    assert.equal(medians.icf?.opsPerSecond, 20)
    assert.equal(medians.icf?.p50Us, 2)
    assert.deepEqual(range.icf, [10, 30])
  })

  it('compares icf with the best of the others, metric by metric', () => {
    const rivals = [
      ['ioredis', [sample(100, 40)]],
      ['node-redis', [sample(50, 20)]],
    ] as const
    const { ratios } = summarize(cell, new Map([['icf', [sample(400, 10)]], ...rivals]))
    assert.deepEqual(ratios, { opsPerSecond: 4, p50: 2, p99: 2, clientCpu: 2 })
    assert.equal(summarize(cell, new Map(rivals)).ratios, undefined)
  })

  it('says whether the aim is reached, and whether values were missing', () => {
    const withRival = (icf: Sample): string =>
      renderTable([
        summarize(
          cell,
          new Map([
            ['icf', [icf]],
            ['ioredis', [sample(100, 1)]],
          ]),
        ),
      ])
    assert.match(withRival(sample(400, 1)), /✔ GET at 512: 4\.00×/)
    assert.match(withRival(sample(399, 1)), /✖ GET at 512: 3\.99×/)
    assert.match(withRival(sample(400, 1, 7)), /7 GETs did not find/)
  })
})
