import { seatOf, type Topology } from '@icf/common'
import { formatServer } from './address.js'
import type { Changes } from './changes.js'
import { countBySeat, slotsHeld } from './draft.js'
import type { Member, Membership } from './membership.js'
import { standIn, type StandIn } from './slots.js'

/** What the silence of some members led to. */
export interface Silenced extends StandIn {
  /** They have no part in any slot any more, nor have had any in the version in effect: nothing is lost by declaring them dead. */
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

  /**
   * @param silent ids of members that have been silent for too long
   * @param inEffect by which the servers go: before it has changed, a silent one has lost nothing yet
   * @returns undefined when nothing came of it
   */
  look(silent: readonly string[], changes: Changes, inEffect: Topology, now: number): Silenced | undefined {
    if (silent.length === 0) {
      this.#looked = ''
      return undefined
    }
    const { draft } = changes
    const present = [...this.#membership.all()].filter((member) => !this.#membership.isQuiet(member, now))
    const { isolated } = this.#membership.reachability
    const looked = [inEffect.version, silent, present.map(({ id }) => id), [...isolated]].join(' ')
    if (looked === this.#looked) return undefined
    this.#looked = looked
    // One that is isolated is there: it counts as silent only to have taken from it what others have too.
    const gone = silent.filter((id) => !isolated.has(id))
    const fresh = gone
      .map((id) => this.#membership.get(id)!)
      .filter(({ absentSince }) => absentSince === undefined)
    for (const member of fresh) this.#begin(member, changes, now)
    const seatsOf = (ids: readonly string[]): Set<number> => new Set(ids.map((id) => seatOf(draft, id)))
    const stoodIn = standIn(draft, seatsOf(silent), seatsOf(present.map(({ id }) => id)))
    const [held, heldInEffect] = [slotsHeld(draft), slotsHeld(inEffect)]
    const holdsNothing = (id: string): boolean =>
      held[seatOf(draft, id)] === 0 && (heldInEffect[seatOf(inEffect, id)] ?? 0) === 0
    for (const { id } of fresh) if (held[seatOf(draft, id)]! > 0) this.#tell(id, changes, now)
    // What was taken from it, it must know before it may serve what it still has.
    if (draft.isDirty) for (const id of silent) this.#membership.get(id)!.mustFollow = draft.version
    return { ...stoodIn, dead: gone.filter(holdsNothing), isNew: fresh.length > 0 }
  }

  /** The member is heard of. @returns whether it had been absent */
  heard(member: Member, { draft, events }: Changes): boolean {
    if (member.absentSince === undefined) return false
    member.absentSince = undefined
    this.#looked = ''
    const seat = seatOf(draft, member.id)
    const address = formatServer(draft.servers[seat]!)
    if (slotsHeld(draft)[seat]! > 0) events.push({ type: 'SERVER_RETURNED', server: member.id, address })
    draft.touch()
    return true
  }

  /** Ids of those that have been absent for too long. */
  overdue(now: number): string[] {
    const isOverdue = ({ absentSince }: Member): boolean =>
      absentSince !== undefined && now - absentSince >= this.#forgetAfterMs
    return [...this.#membership.all()].filter(isOverdue).map(({ id }) => id)
  }

  /** What is taken from it is news of the same kind as a death. */
  #begin(member: Member, { draft, died }: Changes, now: number): void {
    member.absentSince = now - this.#membership.silence.of(member.id, now)
    member.primariesBefore = countBySeat(draft.primary, draft.servers.length)[seatOf(draft, member.id)]!
    died.add(member.id)
    draft.touch()
  }

  /** It holds what nobody else has. */
  #tell(id: string, { draft, events }: Changes, now: number): void {
    const seat = seatOf(draft, id)
    const slots = countBySeat(draft.primary, draft.servers.length)[seat]!
    const address = formatServer(draft.servers[seat]!)
    const ms = Math.round(this.#membership.silence.of(id, now))
    events.push({ type: 'SERVER_SILENT', server: id, address, slots, ms })
  }
}
