/** The answer to STATUS, and what `icf status --json` prints. */
export interface Status {
  readonly epoch: number
  readonly version: number
  readonly settled: boolean
  readonly slotsServed: number
  readonly movesPending: number
  /** Whose two copies can be lost at once, with a machine; or else with a zone. */
  readonly slotsOnOneMachine?: number
  /** Ids of cache servers that can not reach each other, by twos. */
  readonly unreachable?: readonly (readonly [string, string])[]
  readonly slotsInOneZone?: number
  /** Of the moves since all was in its place; null when it is. */
  readonly progress?: MoveProgress | null
  readonly masters: readonly MasterStatus[]
  readonly servers: readonly ServerStatus[]
}

export interface MoveProgress {
  readonly slotsMoved: number
  readonly entriesMoved: number
  readonly bytesMoved: number
  readonly bytesPerSecond: number
  /** null: nobody knows. */
  readonly etaMs: number | null
}

export interface MasterStatus {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly role: string
  readonly alive: boolean
  /** null: it serves no HTTP. */
  readonly httpPort?: number | null
}

export interface ServerStatus {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly respPort: number
  readonly zone: string
  readonly weight: number
  readonly state: string
  readonly primarySlots: number
  readonly backupSlots: number
  readonly keys: number
  readonly bytes: number
  /** It missed several heartbeats, or its connection to the master broke. */
  readonly quiet?: boolean
  /** Keys that had to go because the memory was full, since it started. */
  readonly evictions?: number
}

/** Keys that had to go because the memory of a server was full. */
export function evictionsOf({ servers }: Status): number {
  return servers.reduce((total, { evictions = 0 }) => total + evictions, 0)
}

/** What is still to come before everything is in its place. */
export interface Plan {
  readonly primaryMoves: number
  readonly backupMoves: number
  readonly swaps: number
  readonly copies: number
  readonly entries: number
  readonly bytes: number
}
