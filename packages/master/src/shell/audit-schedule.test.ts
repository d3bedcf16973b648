import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AuditSchedule } from './audit-schedule.js'

/** In the time zone of this process, as the schedule is. */
const at = (day: number, hour: number, minute: number, second = 0): number =>
  new Date(2026, 5, day, hour, minute, second).getTime()

describe('a schedule of audits', () => {
  const nightly = new AuditSchedule('0 3 * * *')

  it('is due once its minute has come, until that is done', () => {
    const done = at(1, 3, 0, 7)
    assert.equal(nightly.isDue(done, at(1, 3, 0, 59)), false)
    assert.equal(nightly.isDue(done, at(2, 2, 59, 59)), false)
    assert.equal(nightly.isDue(done, at(2, 3, 0)), true)
    assert.equal(nightly.isDue(done, at(2, 3, 40)), true)
  })

  it('makes up for what was missed in the last hours, and no more', () => {
    assert.equal(nightly.isDue(at(1, 4, 0), at(5, 12, 0)), true)
    assert.equal(nightly.isDue(at(1, 4, 0), at(5, 23, 0)), false)
  })

  it('is not due when the clock of the next master is behind', () => {
    assert.equal(nightly.isDue(at(1, 3, 0, 7), at(1, 2, 59)), false)
  })

  it('is refused with what is wrong', () => {
    for (const [expression, message] of [
      ['0 63 * * *', /63 is a invalid expression for hour/],
      ['0 3 * *', /expected 5 or 6 fields but got 4/],
      ['0 0 3 * * *', /five fields, without seconds/],
      ['nightly', /expected 5 or 6 fields but got 1/],
      ['', /schedule for audits/],
    ] as const)
      assert.throws(() => new AuditSchedule(expression), { code: 'INVALID_ARGUMENT', message }, expression)
  })
})
