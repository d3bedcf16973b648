import assert from 'node:assert/strict'
import { areApart, buildFleet } from './fleet.js'
import { backupShares, evenSpread } from './spread.js'
import { countSlots, RING, type Cluster, type Cost } from './scenario.test.kit.js'
import { NONE } from './types.js'

const QUOTA = 1.05
const SLACK_SLOTS = 1
/** A share of floating-point numbers times 1.05, plus 1, may come out as 1306.9999999999995 where 1307 is allowed. */
const ROUNDING = 1e-6
export const MOVED_AT_MOST = 1.1

/** For tests: what holds of every target. */
export function checkPlacement(cluster: Cluster, context: string): void {
  const { servers, columns, size, slotCount, totalWeight } = cluster
  const active = servers.filter(({ weight }) => weight > 0).length
  const fleet = buildFleet(servers, RING, slotCount)
  let missing = 0
  let together = 0
  for (let slot = 0; slot < slotCount; slot++) {
    const primary = columns.primary[slot]!
    const backup = columns.backup[slot]!
    if (primary === NONE || (backup === NONE && active > 1)) missing++
    else if (backup !== NONE && !areApart(fleet, primary, backup)) together++
  }
  assert.equal(missing, 0, `${context}: ${missing} slots lack a copy`)
  assert.equal(together, 0, `${context}: ${together} slots have both copies in one place`)
  checkQuota(
    countSlots(columns.primary, size),
    servers.map(({ weight }) => (slotCount * weight) / totalWeight),
    `${context}: primaries`,
  )
  const forced = backupShares(fleet, Float64Array.from(countSlots(columns.primary, size)))
  checkQuota(countSlots(columns.backup, size), forced, `${context}: backups`)
}

function checkQuota(counts: readonly number[], shares: ArrayLike<number>, context: string): void {
  counts.forEach((count, server) => {
    const quota = shares[server]! * QUOTA + SLACK_SLOTS + ROUNDING
    assert.ok(count <= quota, `${context}: server ${server} holds ${count}, its quota is ${quota}`)
  })
}

/** Backups of each server's primaries are spread over all that may hold them (rule 6 of `target`). */
export function checkSpread({ servers, columns, size, slotCount }: Cluster, context: string): void {
  const fleet = buildFleet(servers, RING, slotCount)
  const primaries = Float64Array.from(countSlots(columns.primary, size))
  const even = evenSpread(fleet, primaries, backupShares(fleet, primaries))
  const pairs = new Uint16Array(size * size)
  for (let slot = 0; slot < slotCount; slot++) pairs[columns.primary[slot]! * size + columns.backup[slot]!]!++
  for (let primary = 0; primary < size; primary++) {
    for (let backup = 0; backup < size && size > 2; backup++) {
      const expected = even.expected(primary, backup)
      const bound = Math.max(1.4 * expected, expected + 12)
      const count = pairs[primary * size + backup]!
      assert.ok(
        count <= bound,
        `${context}: ${count} slots on ${primary} and ${backup}, expected ${expected}`,
      )
    }
  }
}

export function checkCost({ primaries, backups }: Cost, context: string): void {
  assert.ok(primaries <= MOVED_AT_MOST, `${context}: moved ${primaries} of the ideal number of primaries`)
  assert.ok(backups <= MOVED_AT_MOST, `${context}: moved ${backups} of the ideal number of backups`)
}

/** From its own result, target changes nothing. */
export function checkSettled(cluster: Cluster, context: string): void {
  assert.deepEqual(cluster.target(), cluster.columns, `${context}: not settled`)
}
