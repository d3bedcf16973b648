import { MOST_BYTES } from './copy-window.js'
import { PendingWrite } from './pending-write.js'
import type { ReplicaChannel } from './replica-channel.js'
import { SlotStream } from './slot-stream.js'
import type { SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import type { WriteLedger } from './write-ledger.js'

/** The mending of one slot's backup. */
interface Mend {
  readonly slot: number
  readonly channel: ReplicaChannel
  /** Number of the batch that begins it; undefined: its turn has not come. */
  firstBatch: number | undefined
  /** The entries that are still to be sent; undefined: all are on their way. */
  stream: SlotStream | undefined
  /** Something of it was refused by a receiver with a newer topology: it begins anew, if that leaves the backup as it is. */
  isRefused: boolean
}

/**
 * Makes backups whole again that turned out to lack a write, though they count as complete. The receiver keeps what it has
 * until all has come: should it be promoted meanwhile, it has no less than before. Nothing that waits for the backup is
 * acknowledged before, and so the slot is not handed over either.
 */
export class Mender {
  /** By slot, in the order in which they are done. */
  readonly #mends = new Map<number, Mend>()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly ledger: WriteLedger,
  ) {}

  /**
   * The receiver refused something of the slot in batch `number`, though it has no newer topology: its copy has gaps.
   * True when it is mended from now on, or anew.
   */
  refused(slot: number, channel: ReplicaChannel, number: number): boolean {
    if (this.slots.backup[slot] !== channel || number < this.slots.backupFrom[slot]!) return false
    const present = this.#mends.get(slot)
    if (present && (present.firstBatch === undefined || number < present.firstBatch)) return false
    if (!present) this.#keepUndrained(slot, channel)
    this.#begin(slot, channel)
    return true
  }

  /** The same by a receiver that has a newer topology: what becomes of the slot that will say. */
  refusedByNewer(slot: number, channel: ReplicaChannel, number: number): void {
    const present = this.#mends.get(slot)
    if (present?.channel !== channel || present.firstBatch === undefined || number < present.firstBatch)
      return
    present.isRefused = true
  }

  /**
   * Ends what is for backups that are none any more; and begins with those that refused writes while their copy was made.
   * @returns slots that it begins with, by channel
   */
  topologyChanged(channels: Iterable<ReplicaChannel>): Map<ReplicaChannel, number[]> {
    for (const { slot, channel, isRefused } of [...this.#mends.values()])
      if (this.slots.backup[slot] !== channel) {
        this.#end(slot)
        for (const write of channel.endMend(slot)) channel.hold(write)
      } else if (isRefused && !channel.isRefusedByNewer) this.#begin(slot, channel)
    const begun = new Map<ReplicaChannel, number[]>()
    for (const channel of channels) {
      if (!channel.holdsWrites || channel.isRefusedByNewer) continue
      const slots = channel.heldSlots().filter((slot) => !this.#mends.has(slot))
      const torn = slots.filter((slot) => this.refused(slot, channel, Infinity))
      if (torn.length > 0) begun.set(channel, torn)
    }
    return begun
  }

  /** Whether `advance` may have something to do, now or later. */
  get isAtWork(): boolean {
    return this.#mends.size > 0
  }

  /** Goes on as far as windows allow, with one slot of each channel at a time; called once a turn. */
  advance(now: number): void {
    if (this.#mends.size === 0) return
    const busy = new Set<ReplicaChannel>()
    for (const mend of this.#mends.values())
      if (!busy.has(mend.channel) && !this.#send(mend, now)) busy.add(mend.channel)
  }

  /** True when the slot's last entry is on its way. */
  #send(mend: Mend, now: number): boolean {
    const { slot, channel } = mend
    if (mend.firstBatch === undefined) {
      if (channel.fillBytesInFlight >= MOST_BYTES) return false
      mend.firstBatch = channel.mend(slot, this.slots.seq[slot]!)
      mend.stream = new SlotStream(this.store, slot, channel)
    }
    if (!mend.stream) return true
    if (!mend.stream.advance(now)) return false
    mend.stream = undefined
    channel.mendEnd(slot, this.store.history.of(slot), () => this.#stored(mend))
    return true
  }

  /** Or anew: in the turn that it has. */
  #begin(slot: number, channel: ReplicaChannel): void {
    this.#mends.get(slot)?.stream?.stop()
    this.#mends.set(slot, { slot, channel, firstBatch: undefined, stream: undefined, isRefused: false })
  }

  #end(slot: number): void {
    this.#mends.get(slot)?.stream?.stop()
    this.#mends.delete(slot)
  }

  #stored(mend: Mend): void {
    const { slot, channel } = mend
    if (this.#mends.get(slot) !== mend) return
    this.#mends.delete(slot)
    // What the backup may have had more is gone from there.
    this.slots.parted[slot] = 0
    for (const write of channel.endMend(slot)) this.ledger.acknowledged(write)
  }

  /** Something waits for the backup until it is whole: so the slot does not count as drained. */
  #keepUndrained(slot: number, channel: ReplicaChannel): void {
    const write = new PendingWrite(slot, '', false, undefined, 0, true)
    this.ledger.confirms(write)
    write.sent()
    channel.hold(write)
  }
}
