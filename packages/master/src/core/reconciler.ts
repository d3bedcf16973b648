import { NONE, type ServerInfo, type Topology } from '@icf/common'
import {
  plan,
  target,
  type Columns,
  type Move,
  type MoveOrder,
  type PlacementServer,
} from '@icf/common/placement'
import { detour } from './detour.js'
import type { Draft, SlotTable } from './draft.js'
import { NO_CUTS, type Cuts } from './reachability.js'
import { Throttle } from './throttle.js'

const NOBODY: ReadonlySet<string> = new Set()

/** What is still to be done at the time of a version. */
export interface Outlook {
  /** Steps between the assignment and the wish, those under way included. */
  readonly movesPending: number
  /** Every slot is served and has its backup, nobody is leaving, and nothing is under way or to be done. */
  readonly isSettled: boolean
}

/**
 * Brings the assignment closer to what the ring wishes, a bounded number of slots at a time. It starts and cancels
 * transitions; that they end, it learns from the assignment.
 */
export class Reconciler {
  readonly #maxTransitionsPerServer: number
  #wanted: Columns | undefined
  #order: MoveOrder = 'grow'
  #moves: readonly Move[] = []
  readonly #made = new Set<number>()
  /** Slots may be without owner or backup: nothing else matters before they are seen to. */
  #isUrgent = false
  /** The wish is known but not the way there, or somebody has said what may allow the next step. */
  #isUnplanned = false
  /** The first version by which nothing is left to do but to give backups up, if it has come to that. */
  #onlyDropsFrom: number | undefined

  constructor(maxTransitionsPerServer: number) {
    this.#maxTransitionsPerServer = maxTransitionsPerServer
  }

  /** The servers or the assignment changed otherwise than by a move: the wish is another one. */
  invalidate(order: MoveOrder): void {
    this.#wanted = undefined
    this.#moves = []
    this.#made.clear()
    this.#order = order
    this.#onlyDropsFrom = undefined
    this.#isUrgent ||= order === 'restore'
  }

  /** Whether there is something to do although nothing has changed. */
  get isUnplanned(): boolean {
    return this.#isUnplanned
  }

  /** This move has been made. */
  made(slot: number, kind: Move['kind'], to: number): void {
    this.#made.add(stepKey(slot, kind, to))
  }

  /** A server follows a newer version than before. */
  followed(): void {
    this.#isUnplanned ||= this.#onlyDropsFrom !== undefined
  }

  /**
   * @param out ids of silent servers with only copies, and of isolated ones: what they serve waits for them
   * @param cuts who can not copy anything to whom
   * @param followedBy the version that this server has said it follows
   * @returns steps between the assignment and the wish that are still to be done
   */
  reconcile(
    draft: Draft,
    out: ReadonlySet<string>,
    cuts: Cuts,
    followedBy: (server: ServerInfo) => number,
  ): number {
    this.#wanted ??= wish(draft, out, cuts)
    this.#isUnplanned = this.#isUrgent
    this.#isUrgent = false
    if (this.#isUnplanned) return protect(draft, this.#wanted)
    let moves = this.#remaining()
    if (moves.length === 0) {
      // Around cuts, some of what is wished can be wished only when the rest is done.
      if (!cuts.isEmpty) this.#wanted = wish(draft, out, cuts)
      moves = this.#plan(draft, this.#wanted)
      if (promoteUnowned(draft, moves)) moves = this.#plan(draft, this.#wanted)
      cancelUnwanted(draft, moves)
      moves = dropCut(draft, moves, cuts)
    }
    while (moves.length > 0 && draft.transitions.size === 0 && moves.every(isDrop)) {
      const due = this.#dueDrops(draft, moves, followedBy)
      if (due.length === 0) break
      for (const { slot } of due) draft.setBackup(slot, NONE)
      // What was left of an older plan may not be all: nothing else would make us look again.
      moves = this.#plan(draft, this.#wanted)
    }
    if (moves.length === 0 || draft.transitions.size > 0 || !moves.every(isDrop))
      this.#onlyDropsFrom = undefined
    this.#moves = moves
    this.#begin(draft, moves, cuts)
    return moves.length
  }

  /**
   * Of the backups to give up, those of servers that follow a version by which nothing else is left to do. One that has not
   * said so may have died unnoticed, even before it was given its last slots: then the backup is all that is left.
   */
  #dueDrops(
    draft: Draft,
    drops: readonly Move[],
    followedBy: (server: ServerInfo) => number,
  ): readonly Move[] {
    if (this.#onlyDropsFrom === undefined) {
      this.#onlyDropsFrom = draft.version
      // Whoever says that it follows this one is alive by then.
      draft.touch()
    }
    const from = this.#onlyDropsFrom
    const follows = draft.servers.map((server) => server !== undefined && followedBy(server) >= from)
    return drops.filter(({ slot }) => follows[draft.primary[slot]!])
  }

  #plan(draft: Draft, wanted: Columns): readonly Move[] {
    return plan(
      { primary: draft.primary, backup: draft.backup },
      wanted,
      isAnyoneLeaving(draft.servers) ? 'shrink' : this.#order,
    )
  }

  /** The plan goes on as long as nothing but its own moves happens: making it anew would give what is left of it. */
  #remaining(): readonly Move[] {
    const made = this.#made
    if (made.size === 0) return this.#moves
    const moves = this.#moves.filter(({ slot, kind, to }) => !made.delete(stepKey(slot, kind, to)))
    made.clear()
    return moves
  }

  /** Starts moves in the order of the plan. A slot has one at a time; a phase begins when the one before has all begun. */
  #begin(draft: Draft, moves: readonly Move[], cuts: Cuts): void {
    const throttle = new Throttle(draft, this.#maxTransitionsPerServer)
    const { primary, backup } = draft
    const seen = new Uint8Array(primary.length)
    draft.transitions.forEach((_, slot) => (seen[slot] = 1))
    let phase: Move['kind'] | undefined
    let isPhaseThrottled = false
    for (const { slot, kind, to } of moves) {
      if (kind !== phase && isPhaseThrottled) return
      phase = kind
      if (seen[slot] === 1 || to === NONE) continue
      seen[slot] = 1
      // What writes wait for is not throttled: a second copy, where there is none or the primary does not reach it.
      const isNeeded = backup[slot] === NONE || cuts.areCut(primary[slot]!, backup[slot]!)
      if ((isNeeded && kind === 'backup') || throttle.allows(primary[slot]!, to)) {
        throttle.count(primary[slot]!, to)
        draft.begin(slot, to, kind)
      } else isPhaseThrottled = true
    }
  }
}

/** The servers by seat, as placement sees them. When all are leaving, they hold the data until somebody else comes. */
function placementServers(servers: Topology['servers'], out: ReadonlySet<string>): PlacementServer[] {
  const canTake = (server: ServerInfo | undefined): boolean => canHold(server) && !out.has(server!.id)
  const isAnyoneStaying = servers.some(canTake)
  return servers.map((server) => {
    if (!server) return { id: '', zone: '', machine: '', weight: 0 }
    const { id, zone, machine, weight } = server
    return { id, zone, machine, weight: canTake(server) || !isAnyoneStaying ? weight : 0 }
  })
}

/** Whether the server is to hold slots. */
export function canHold(server: ServerInfo | undefined): boolean {
  return server !== undefined && server.state === 'active' && server.weight > 0
}

/**
 * What the ring wishes, given that the copies under way are made: starting from where they lead, it does not throw
 * away what is half done.
 */
export function wish(
  table: SlotTable & Pick<Topology, 'ring' | 'pins'>,
  out: ReadonlySet<string> = NOBODY,
  cuts: Cuts = NO_CUTS,
): Columns {
  const { servers, ring } = table
  const pins = new Map<number, number>()
  for (const [slot, id] of table.pins) {
    const seat = servers.findIndex((server) => server?.id === id)
    if (seat !== -1) pins.set(slot, seat)
  }
  const current = projected(table)
  let wanted: Columns = target({ servers: placementServers(servers, out), ring, current, pins })
  if (!cuts.isEmpty) wanted = detour(wanted, table, cuts, (server) => canHold(server) && !out.has(server!.id))
  return out.size > 0 ? leftAsIs(wanted, table, out, cuts) : wanted
}

/**
 * Of what an absent or isolated server serves, nothing can be copied: it stays as it is. If its backup can take it over,
 * that happens otherwise; one that is isolated as well is no backup any more.
 */
function leftAsIs(
  wanted: Columns,
  { servers, primary, backup }: SlotTable,
  out: ReadonlySet<string>,
  { isolated }: Cuts,
): Columns {
  const columns = { primary: wanted.primary.slice(), backup: wanted.backup.slice() }
  const isIsolated = servers.map((server) => server !== undefined && isolated.has(server.id))
  primary.forEach((seat, slot) => {
    const server = servers[seat]
    if (!server || !out.has(server.id)) return
    columns.primary[slot] = seat
    columns.backup[slot] = isIsolated[seat] && isIsolated[backup[slot]!] ? NONE : backup[slot]!
  })
  return columns
}

/** The columns as they will be when all transitions have ended. */
function projected({ primary, backup, transitions }: SlotTable): Columns {
  const columns = { primary: primary.slice(), backup: backup.slice() }
  transitions.forEach(({ to, intent }, slot) => {
    if (intent === 'primary') {
      if (backup[slot] === to) columns.backup[slot] = primary[slot]!
      columns.primary[slot] = to
    } else columns.backup[slot] = to
  })
  return columns
}

/**
 * What can not wait for a plan after a death: an owner for each slot, and a second copy of whatever is written from
 * now on. These are the first steps that the plan would take too. @returns copies under way
 */
function protect(draft: Draft, wanted: Columns): number {
  for (let slot = 0; slot < wanted.primary.length; slot++) {
    const [primary, backup] = [wanted.primary[slot]!, wanted.backup[slot]!]
    if (primary === NONE) continue
    if (draft.primary[slot] === NONE) draft.setPrimary(slot, primary)
    if (draft.backup[slot] !== NONE) continue
    const to = draft.primary[slot] === backup ? primary : backup
    const present = draft.transitions.get(slot)
    if (to !== NONE && (present?.to !== to || present.intent !== 'backup')) draft.begin(slot, to, 'backup')
  }
  return draft.transitions.size
}

/** A slot that nobody owns has nothing to copy: its first owner has it at once. */
function promoteUnowned(draft: Draft, moves: readonly Move[]): boolean {
  let hasPromoted = false
  for (const { slot, kind, to } of moves) {
    if (kind !== 'primary' || draft.primary[slot] !== NONE) continue
    draft.setPrimary(slot, to)
    hasPromoted = true
  }
  return hasPromoted
}

/** Cancels the transitions that the plan does not hold any more. */
function cancelUnwanted(draft: Draft, moves: readonly Move[]): void {
  const { transitions, backup } = draft
  if (transitions.size === 0) return
  const isWanted = new Uint8Array(backup.length)
  const copiedTo = new Uint16Array(backup.length).fill(NONE)
  for (const { slot, kind, to } of moves) {
    // The second step of "copy to C, then swap with C" is no step that could be under way now.
    const followsItsCopy = kind === 'primary' && backup[slot] !== to && copiedTo[slot] === to
    if (kind === 'backup') copiedTo[slot] = to
    const present = transitions.get(slot)
    if (present?.to === to && present.intent === kind && !followsItsCopy) isWanted[slot] = 1
  }
  transitions.forEach((_, slot) => {
    if (isWanted[slot] === 0) draft.cancel(slot)
  })
}

function stepKey(slot: number, kind: Move['kind'], to: number): number {
  return (slot * 0x10000 + to) * 2 + (kind === 'primary' ? 1 : 0)
}

/** Backups are given up when nothing else is left to do: until then they protect what is acknowledged. */
function isDrop({ kind, to }: Move): boolean {
  return kind === 'backup' && to === NONE
}

/** A backup that its primary does not reach protects nothing any more; and writes wait for it. @returns the other moves */
function dropCut(draft: Draft, moves: readonly Move[], cuts: Cuts): readonly Move[] {
  const isDue = (move: Move): boolean =>
    isDrop(move) && cuts.areCut(draft.primary[move.slot]!, draft.backup[move.slot]!)
  const rest = moves.filter((move) => !isDue(move))
  for (const move of moves) if (isDue(move)) draft.setBackup(move.slot, NONE)
  return rest
}

export function isAnyoneLeaving(servers: Topology['servers']): boolean {
  return servers.some((server) => server?.state === 'leaving')
}

/** Whether every slot is served and protected, and nobody is on the way in or out. */
export function isComplete({ servers, primary, backup, transitions }: SlotTable): boolean {
  if (transitions.size > 0 || isAnyoneLeaving(servers)) return false
  if (primary.includes(NONE)) return false
  return servers.filter(canHold).length < 2 || !backup.includes(NONE)
}
