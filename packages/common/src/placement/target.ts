import { placeBackups } from './backups.js'
import { buildFleet } from './fleet.js'
import { placePrimaries } from './primaries.js'
import type { MutableColumns, TargetInput } from './types.js'

/**
 * What the assignment should become: where every slot's primary and backup ought to be, starting from where they are.
 * A pure function; from its own result it changes nothing.
 *
 * What it keeps to, the first before the later:
 *
 * 1. A slot has a primary as soon as one server has weight, and a backup as soon as two have. With none, the present
 *    columns are returned as they are.
 * 2. The backup is on another server; on another machine where the servers with weight are on more than one; and in
 *    another zone where they name more than one and none has more than three quarters of the weight (zones that share
 *    a machine count as one).
 * 3. A pinned slot's primary is where the pin says. A slot whose primary is gone or leaving promotes its backup, unless
 *    that server is over quota: then the slot goes elsewhere, and as a rule keeps its backup.
 * 4. Nobody holds more than 1.05 × its share + 1 slots, of primaries and of backups (`quota.ts`). A share is in
 *    proportion to weight. Only where one zone or server has more than half the weight, the others hold all backups
 *    of its primaries, and share that load evenly (`spread.ts`). Pins raise the quota of their server.
 * 5. As little as possible moves: when one of N servers joins or leaves, no more than 1.1/N of the primaries, and as
 *    many backups (a promotion, in which a backup changes its role without being copied, aside). Where the
 *    weights of zones differ, rule 2 may make more backups move: with three or more zones of about the same weight up
 *    to 1.3/N (seldom), when one zone comes to have more than half the weight, about twice as many and more.
 * 6. The backups of one server's primaries spread over all others: no pair of servers has more slots in common than
 *    max(1.4 × its even part, its even part + 12), also after a long history. (With 500 servers the even part is less
 *    than one slot.) Backups are moved for this only where an earlier wish was given up halfway, or zones left no other
 *    way.
 * 7. What moves goes where the ring prefers.
 *
 * Cost: of the order of slots × places looked at + servers²; a few ms for 10 servers, tens of ms for 500.
 */
export function target({ servers, ring, current, pins = new Map() }: TargetInput): MutableColumns {
  if (servers.length > 0 && !servers.some(({ weight }) => weight > 0))
    return { primary: current.primary.slice(), backup: current.backup.slice() }
  const fleet = buildFleet(servers, ring, current.primary.length)
  const primary = placePrimaries(fleet, current, pins)
  return { primary, backup: placeBackups(fleet, current, primary) }
}
