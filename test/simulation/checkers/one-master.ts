import type { Terms } from '../masters/terms.js'
import { Violation } from './violation.js'

/**
 * Invariant 10: at any time at most one master may renew leases. A stopped process counts until its term may be over by its
 * clock: it might go on at any time.
 */
export function checkOneMaster(terms: Terms): void {
  const [one, other] = terms.valid
  if (one && other)
    throw new Violation(`invariant 10: ${one.name} and ${other.name} are active at the same time`)
}
