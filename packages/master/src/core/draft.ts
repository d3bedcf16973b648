import {
  limits,
  NONE,
  sameMasters,
  type Intent,
  type MasterInfo,
  type ServerInfo,
  type ReadonlyTransitions,
  type Topology,
  type Transitions,
} from '@icf/common'

/**
 * The next topology while it is being made. It copies a part of its base when that part first changes, so that
 * whoever compares two topologies sees by identity what stayed.
 */
export class Draft implements Topology {
  readonly epoch: number
  readonly version: number
  readonly #base: Topology
  #masters: readonly MasterInfo[] | undefined
  #servers: (ServerInfo | undefined)[] | undefined
  #primary: Uint16Array | undefined
  #backup: Uint16Array | undefined
  #transitions: Transitions | undefined
  #pins: Map<number, string> | undefined
  #isDirty = false

  constructor(base: Topology, epoch: number) {
    this.#base = base
    this.epoch = epoch
    this.version = base.version + 1
  }

  get isDirty(): boolean {
    return this.#isDirty
  }

  get masters(): readonly MasterInfo[] {
    return this.#masters ?? this.#base.masters
  }

  get servers(): Topology['servers'] {
    return this.#servers ?? this.#base.servers
  }

  get primary(): Readonly<Uint16Array> {
    return this.#primary ?? this.#base.primary
  }

  get backup(): Readonly<Uint16Array> {
    return this.#backup ?? this.#base.backup
  }

  get transitions(): ReadonlyTransitions {
    return this.#transitions ?? this.#base.transitions
  }

  get pins(): ReadonlyMap<number, string> {
    return this.#pins ?? this.#base.pins
  }

  get ring(): Topology['ring'] {
    return this.#base.ring
  }

  /** Whose slots they were in the version before this one. */
  get primaryBefore(): Readonly<Uint16Array> {
    return this.#base.primary
  }

  /** Their backups in the version before this one. */
  get backupBefore(): Readonly<Uint16Array> {
    return this.#base.backup
  }

  /** Makes a new version even though nothing else changes: a new term. */
  touch(): void {
    this.#isDirty = true
  }

  setMasters(masters: readonly MasterInfo[]): void {
    if (sameMasters(masters, this.masters)) return
    this.#masters = masters
    this.#isDirty = true
  }

  hasFreeSeat(): boolean {
    return this.#freeSeat() < limits.maxServers
  }

  /** Takes the lowest seat that was vacant in the base too: one that this very version vacates stays empty in it. */
  seat(server: ServerInfo): number {
    const seat = this.#freeSeat()
    this.setServer(seat, server)
    return seat
  }

  #freeSeat(): number {
    const { servers } = this
    for (let seat = 0; seat < servers.length; seat++)
      if (servers[seat] === undefined && this.#base.servers[seat] === undefined) return seat
    return servers.length
  }

  setServer(seat: number, server: ServerInfo | undefined): void {
    this.#servers ??= [...this.#base.servers]
    this.#servers[seat] = server
    this.#isDirty = true
  }

  setPrimary(slot: number, seat: number): void {
    this.#primary ??= this.#base.primary.slice()
    this.#primary[slot] = seat
    this.#isDirty = true
  }

  setBackup(slot: number, seat: number): void {
    this.#backup ??= this.#base.backup.slice()
    this.#backup[slot] = seat
    this.#isDirty = true
  }

  begin(slot: number, to: number, intent: Intent): void {
    this.#ownTransitions().set(slot, { to, intent, since: this.version })
  }

  cancel(slot: number): void {
    if (this.transitions.has(slot)) this.#ownTransitions().delete(slot)
  }

  unpin(serverId: string): void {
    for (const [slot, id] of this.pins) {
      if (id !== serverId) continue
      this.#pins ??= new Map(this.#base.pins)
      this.#pins.delete(slot)
      this.#isDirty = true
    }
  }

  freeze(): Topology {
    return {
      epoch: this.epoch,
      version: this.version,
      ring: this.ring,
      masters: this.masters,
      servers: this.servers,
      primary: this.primary,
      backup: this.backup,
      transitions: this.transitions,
      pins: this.pins,
    }
  }

  #ownTransitions(): Transitions {
    this.#isDirty = true
    return (this.#transitions ??= this.#base.transitions.copy())
  }
}

/** Slots in which each seat has a part, as primary, backup or receiver of a copy. */
export function slotsHeld({ servers, primary, backup, transitions }: SlotTable): Uint32Array {
  const held = new Uint32Array(servers.length)
  for (let slot = 0; slot < primary.length; slot++) {
    if (primary[slot] !== NONE) held[primary[slot]!]!++
    if (backup[slot] !== NONE) held[backup[slot]!]!++
  }
  transitions.forEach(({ to }) => held[to]!++)
  return held
}

/** How often each seat occurs in a column. */
export function countBySeat(column: Readonly<Uint16Array>, seats: number): Uint32Array {
  const counts = new Uint32Array(seats)
  for (const seat of column) if (seat !== NONE) counts[seat]!++
  return counts
}

/** What a draft and a topology have in common. */
export type SlotTable = Pick<Topology, 'servers' | 'primary' | 'backup' | 'transitions'>
