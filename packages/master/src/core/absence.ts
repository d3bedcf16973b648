import { seatOf } from '@icf/common'
import { formatServer } from './address.js'
import type { Changes } from './changes.js'
import { slotsHeld } from './draft.js'
import type { Member, Membership } from './membership.js'
import { standIn, type StandIn } from './slots.js'

/** What the silence of some members led to. */
export interface Silenced extends StandIn {
  /** They have no part in any slot any more: nothing is lost by declaring them dead. */
  readonly dead: readonly string[]
  /** Somebody is absent who was not before. */
  readonly isNew: boolean
}

/**
 * The rule that silence alone destroys nothing. What others have too, they take over from a silent member; of what only
 * it has, it stays the owner: it is absent, and taken back when it is heard again. Only the proof that its process is
 * gone, an operator, or a time as long as `forgetAfterMs` gives that up.
 */
export class Absence {
  readonly #membership: Membership
  readonly #forgetAfterMs: number
  /** Who was silent and who was present when it was last looked at: with the same, nothing else comes of it. */
  #looked = ''

  constructor(membership: Membership, forgetAfterMs: number) {
    this.#membership = membership
    this.#forgetAfterMs = forgetAfterMs
  }

  /** @param silent ids of members that have been silent for too long. @returns undefined when nothing came of it */
  look(silent: readonly string[], changes: Changes, now: number): Silenced | undefined {
    if (silent.length === 0) {
      this.#looked = ''
      return undefined
    }
    const { draft } = changes
    const present = [...this.#membership.all()].filter((member) => !this.#membership.isQuiet(member, now))
    const { isolated } = this.#membership.reachability
    const looked = [silent, present.map(({ id }) => id), [...isolated]].join(' ')
    if (looked === this.#looked) return undefined
    this.#looked = looked
    const seatsOf = (ids: readonly string[]): Set<number> => new Set(ids.map((id) => seatOf(draft, id)))
    const stoodIn = standIn(draft, seatsOf(silent), seatsOf(present.map(({ id }) => id)))
    const held = slotsHeld(draft)
    const hasSlots = (id: string): boolean => held[seatOf(draft, id)]! > 0
    const isAbsent = (id: string): boolean => this.#membership.get(id)!.absentSince !== undefined
    // One that is isolated is there: it counts as silent only to have taken from it what others have too.
    const gone = silent.filter((id) => !isolated.has(id))
    const fresh = gone.filter((id) => hasSlots(id) && !isAbsent(id))
    for (const id of fresh) this.#begin(this.#membership.get(id)!, changes, now)
    // What was taken from it, it must know before it may serve what it still has.
    if (draft.isDirty) for (const id of silent) this.#membership.get(id)!.mustFollow = draft.version
    return { ...stoodIn, dead: gone.filter((id) => !hasSlots(id)), isNew: fresh.length > 0 }
  }

  /** The member is heard of. @returns whether it had been absent */
  heard(member: Member, { draft, events }: Changes): boolean {
    if (member.absentSince === undefined) return false
    member.absentSince = undefined
    this.#looked = ''
    const server = draft.servers[seatOf(draft, member.id)]!
    events.push({ type: 'SERVER_RETURNED', server: member.id, address: formatServer(server) })
    draft.touch()
    return true
  }

  /** Ids of those that have been absent for too long. */
  overdue(now: number): string[] {
    const isOverdue = ({ absentSince }: Member): boolean =>
      absentSince !== undefined && now - absentSince >= this.#forgetAfterMs
    return [...this.#membership.all()].filter(isOverdue).map(({ id }) => id)
  }

  #begin(member: Member, { draft, events, died }: Changes, now: number): void {
    const seat = seatOf(draft, member.id)
    const ms = this.#membership.silence.of(member.id, now)
    member.absentSince = now - ms
    const slots = draft.primary.reduce((count, primary) => count + (primary === seat ? 1 : 0), 0)
    const address = formatServer(draft.servers[seat]!)
    events.push({ type: 'SERVER_SILENT', server: member.id, address, slots, ms: Math.round(ms) })
    // What was taken from it is news of the same kind as a death.
    died.push(member.id)
    draft.touch()
  }
}
