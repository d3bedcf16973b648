import { IcfError, type MasterInfo, type Runtime, type Timer } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import { NO_REVISION, type EtcdKeys, type KeyValue } from './kv.js'
import { readLeader, readMasterList, type EtcdPaths, type Leader } from './master-record.js'

/** Etcd is read again after this time, also when the watch tells of no change: it may have broken without a word. */
const REREAD_MS = 1000
/** At least this long from one read to the next. */
const PAUSE_MS = 20
const RETRY_MS = 200
const DEADLINE_MS = 1000

/** What etcd says of the masters. */
export interface Sight {
  /** Whoever is active, with the text of its key. */
  readonly leader: (Leader & { readonly text: string }) | undefined
  /** Masters that may become active; undefined: no cluster has begun yet. */
  readonly seats: readonly MasterInfo[] | undefined
  readonly seatsRevision: string
  /** By address, those that are there. */
  readonly present: ReadonlyMap<string, MasterInfo>
  /** Of etcd then. It never falls, but when an older copy of etcd's data is put back. */
  readonly revision: bigint
  /** When the read began, by the runtime's clock: it shows all that was done before. */
  readonly at: number
}

export const NOTHING: Sight = {
  leader: undefined,
  seats: undefined,
  seatsRevision: NO_REVISION,
  present: new Map(),
  revision: 0n,
  at: -Infinity,
}

export interface ViewPorts {
  /** It was read anew; perhaps it is as before. */
  seen(): void
  failed(error: unknown): void
}

/**
 * Knows what etcd says of the masters: reads it all, and again whenever the watch says that something has changed. So a watch
 * that breaks, or whose revision is compacted, needs no other treatment than a new one.
 */
export class EtcdView {
  #now: Sight = NOTHING
  #watching: AbortController | undefined
  #timer: Timer | undefined
  #isReading = false
  #isStale = false
  #isStopped = false

  constructor(
    private readonly runtime: Runtime,
    private readonly keys: EtcdKeys,
    private readonly paths: EtcdPaths,
    private readonly ports: ViewPorts,
  ) {}

  get now(): Sight {
    return this.#now
  }

  /** Something has changed: reads again soon. */
  refresh(): void {
    if (this.#isStopped) return
    if (this.#isReading) this.#isStale = true
    else this.#later(PAUSE_MS)
  }

  stop(): void {
    this.#isStopped = true
    this.runtime.clear(this.#timer)
    this.#watching?.abort()
  }

  async #read(): Promise<void> {
    this.#isReading = true
    this.#isStale = false
    const at = this.runtime.now()
    let pauseMs = REREAD_MS
    try {
      const { leader, state } = this.paths
      const { keys, revision } = await this.keys.range(leader, state, DEADLINE_MS)
      if (this.#isStopped) return
      this.#now = sightOf(keys, this.paths, revision, at)
      if (!this.#watching) this.#watch(revision)
      this.ports.seen()
    } catch (error) {
      if (this.#isStopped) return
      // A broken connection may not have told the watch yet.
      this.#watching?.abort()
      pauseMs = RETRY_MS
      this.ports.failed(error)
    }
    this.#isReading = false
    this.#later(this.#isStale ? PAUSE_MS : pauseMs)
  }

  #watch(revision: bigint): void {
    const watching = new AbortController()
    this.#watching = watching
    const { leader, state } = this.paths
    void this.keys
      .watch(leader, state, revision, () => this.refresh(), watching.signal)
      .then(() => (this.#watching = undefined))
  }

  #later(delayMs: number): void {
    this.runtime.clear(this.#timer)
    this.#timer = this.runtime.setTimeout(() => void this.#read(), delayMs)
  }
}

function sightOf(keys: readonly KeyValue[], paths: EtcdPaths, revision: bigint, at: number): Sight {
  const leader = keys.find(({ key }) => key === paths.leader)
  const seats = keys.find(({ key }) => key === paths.seats)
  const present = keys.filter(({ key }) => key.startsWith(paths.masters))
  return {
    leader: leader && { ...read(leader, readLeader), text: leader.value },
    seats: seats && read(seats, readMasterList),
    seatsRevision: seats?.modRevision ?? NO_REVISION,
    present: new Map(
      present.flatMap((one) => read(one, readMasterList)).map((info) => [formatAddress(info), info]),
    ),
    revision,
    at,
  }
}

/** @throws IcfError STATE_UNAVAILABLE: with the key, for whoever has to put it right */
function read<T>({ key, value }: KeyValue, reader: (value: string) => T): T {
  try {
    return reader(value)
  } catch (cause) {
    const why = (cause as Error).message
    throw new IcfError('STATE_UNAVAILABLE', `${key} in etcd has what no master has written: ${why}`, {
      cause,
    })
  }
}
