import {
  closeBatch,
  compareVersions,
  ENTRY_TTL_AT,
  ENTRY_VALUE_AT,
  limits,
  openBatch,
  ReplicaOp,
} from '@icf/common'
import type { Entry, StoredValue } from './entry.js'
import type { Origin } from './origin.js'
import type { PendingWrite } from './pending-write.js'
import type { LinkPort } from './ports.js'
import type { WrittenBy } from './write-history.js'

/**
 * Estimated size of an operation beside its key and value, by its elements, of which a frame may not have too many either. Text
 * counts its characters, of up to three bytes each: even so a frame stays within its limit.
 */
const OPERATION_BYTES = 64

/** The same of a key in a list, as one element. */
const KEY_BYTES = 8

/** What beginning and ending a slot's copy counts for, by the work it makes: so that empty slots do not come all at once. */
const SLOT_BYTES = 2048

const EMPTY: readonly Expiry[] = []

interface LargeValue {
  readonly index: number
  readonly bytes: Uint8Array
  port: LinkPort | undefined
}

interface Expiry {
  /** Where the message says how long the entry has to live. */
  readonly index: number
  readonly expiresAt: number
}

interface CopyEnd {
  readonly slot: number
  /** Called when the peer has stored all of it. */
  stored(): void
}

interface Batch {
  readonly number: number
  readonly message: unknown[]
  readonly writes: PendingWrite[]
  /** Whose numbers stand in the operations added last. */
  origin: Origin | undefined
  /** Long values, where they stand in the message, and the link on which they went ahead of it. */
  large: LargeValue[] | undefined
  /** Of the entries that do not live for ever. */
  expiries: Expiry[] | undefined
  /** Ends of copies. */
  ends: CopyEnd[] | undefined
  fillBytes: number
  bytes: number
}

/**
 * All that this server sends to one other as copies of its slots: batches in order, kept until they are
 * acknowledged and sent again after a reconnect, so that each is applied exactly once.
 */
export class ReplicaChannel {
  #port: LinkPort | undefined
  #canCompare = false
  #number = 0
  #open: Batch | undefined
  /** Closed batches that are not acknowledged, oldest first. */
  readonly #inFlight: Batch[] = []
  /** How many of them have been sent on the present link. */
  #sent = 0
  /** By slot: writes that the peer refused, all after them, and those of slots that are mended there. */
  readonly #held = new Map<number, PendingWrite[]>()
  /** Slots whose complete copy is mended. */
  readonly #mending = new Set<number>()
  #epoch = 0
  #version = 0
  /** The newest topology by which the peer refused something. */
  #refusedBy = { epoch: 0, version: 0 }
  /** The time, in ms, as far as the channel was told. */
  #now = 0
  /** The link on which a long value is going ahead. */
  #staging: LinkPort | undefined
  /** Bytes of copied entries on their way. */
  fillBytesInFlight = 0
  /** All bytes on their way: bounded by the clients that wait for them, and by the copying window. */
  bytesInFlight = 0

  /**
   * @param id names this channel: its batches count from 1, whatever an earlier one to the same server had sent
   * @param dirty where the channel puts itself when it has something to flush
   */
  constructor(
    readonly peerId: string,
    readonly id: number,
    private readonly dirty: ReplicaChannel[],
  ) {}

  /** Whether the peer is there, and takes COMPARE and LIST. */
  get canCompare(): boolean {
    return this.#port !== undefined && this.#canCompare
  }

  isMending(slot: number): boolean {
    return this.#mending.has(slot)
  }

  get port(): LinkPort | undefined {
    return this.#port
  }

  /** Of the batch to be begun next. */
  get nextNumber(): number {
    return this.#number + 1
  }

  /** Sends again what is not acknowledged: the peer knows what it has stored, and says what it refused. */
  connected(port: LinkPort, canCompare = false): void {
    this.#canCompare = canCompare
    this.#port = port
    this.#sent = 0
    this.#send()
  }

  /** What is put in from now on goes by this topology. */
  follow(epoch: number, version: number): void {
    this.#close()
    this.#epoch = epoch
    this.#version = version
  }

  /** It is `now`: what is sent from now on has less time to live. */
  elapse(now: number): void {
    this.#now = now
  }

  disconnected(): void {
    this.#staging = undefined
    this.#port = undefined
    this.#sent = 0
  }

  /** A live write. */
  put(entry: Entry, now: number, write: PendingWrite, origin: Origin | undefined, number: number): void {
    const batch = this.#batchFor(entry)
    if (origin !== undefined) this.#pushOrigin(batch, origin)
    this.#pushEntry(batch, ReplicaOp.PUT, entry, now)
    batch.message.push(origin === undefined ? 0 : number)
    this.#expect(batch, write)
  }

  remove(
    slot: number,
    seq: number,
    key: string,
    write: PendingWrite,
    origin: Origin | undefined,
    number: number,
  ): void {
    const batch = this.#batch()
    if (origin !== undefined) this.#pushOrigin(batch, origin)
    batch.message.push(ReplicaOp.REMOVE, slot, seq, key, origin === undefined ? 0 : number)
    this.#count(batch, key.length + OPERATION_BYTES)
    this.#expect(batch, write)
  }

  /**
   * @param written the slot's writes that clients may still repeat
   * @returns the number of the batch that begins it
   */
  fillBegin(slot: number, seq: number, since: number, written: readonly WrittenBy[]): number {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.FILL_BEGIN, slot, seq, since)
    this.#count(batch, OPERATION_BYTES)
    for (const { origin, number } of written) this.#written(slot, origin, number)
    return batch.number
  }

  /** The copy that was begun lacks what ours lacks, and the backup may have. */
  parted(slot: number): void {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.PARTED, slot)
    this.#count(batch, OPERATION_BYTES)
  }

  /** An entry that was there before; a write that was not acknowledged elsewhere may wait for it. */
  fill(entry: Entry, now: number, write: PendingWrite | undefined): void {
    const batch = this.#batchFor(entry)
    const size = this.#pushEntry(batch, ReplicaOp.FILL, entry, now)
    batch.fillBytes += size
    this.fillBytesInFlight += size
    if (write) this.#expect(batch, write)
  }

  fillEnd(slot: number, stored: () => void): void {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.FILL_END, slot)
    this.#count(batch, OPERATION_BYTES)
    batch.fillBytes += SLOT_BYTES
    this.fillBytesInFlight += SLOT_BYTES
    batch.ends ??= []
    batch.ends.push({ slot, stored })
  }

  /**
   * The complete copy of the slot lacks a write: all that it must have follows, and until the end of that no write of the slot
   * is done.
   * @returns the number of the batch that begins it
   */
  mend(slot: number, seq: number): number {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.MEND, slot, seq)
    this.#count(batch, OPERATION_BYTES)
    this.#mending.add(slot)
    return batch.number
  }

  /** @param written the slot's writes that clients may still repeat: known there only once all entries are */
  mendEnd(slot: number, written: readonly WrittenBy[], stored: () => void): void {
    for (const { origin, number } of written) this.#written(slot, origin, number)
    this.fillEnd(slot, stored)
  }

  /** Asks what the backup has under these keys when all that was put in so far is stored. */
  compare(slot: number, question: number, keys: readonly string[]): void {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.COMPARE, slot, question, keys)
    this.#count(
      batch,
      keys.reduce((sum, key) => sum + key.length + KEY_BYTES, OPERATION_BYTES),
    )
  }

  /** Asks which keys it has then. @param isFirst from the first on; else those that come next */
  list(slot: number, question: number, isFirst: boolean): void {
    const batch = this.#batch()
    batch.message.push(ReplicaOp.LIST, slot, question, isFirst ? 1 : 0)
    this.#count(batch, OPERATION_BYTES)
  }

  /** @returns the writes of the slot that waited for that */
  endMend(slot: number): PendingWrite[] {
    this.#mending.delete(slot)
    const done = this.#held.get(slot) ?? []
    this.#held.delete(slot)
    return done
  }

  /** A write without an operation of its own waits until everything put in so far is stored. */
  expect(write: PendingWrite): void {
    this.#expect(this.#batch(), write)
  }

  /** Closes and sends what has been put in since the last time. */
  flush(): void {
    this.#close()
    this.#send()
  }

  /**
   * The peer has processed all batches up to `number`. Writes of the slots it refused are held: what they wait for is settled
   * when a newer topology comes, which it knows already, or when its copy has been made anew or mended. So are those that come
   * after them: one may stand for all that was put in before it.
   */
  acknowledge(number: number, done: (write: PendingWrite) => void, refused?: ReadonlySet<unknown>): void {
    let count = 0
    while (count < this.#inFlight.length && this.#inFlight[count]!.number <= number) count++
    this.#sent = Math.max(0, this.#sent - count)
    for (const batch of this.#inFlight.splice(0, count)) {
      this.fillBytesInFlight -= batch.fillBytes
      this.bytesInFlight -= batch.bytes
      for (const write of batch.writes)
        if (refused?.has(write.slot) || this.#mending.has(write.slot) || this.#held.has(write.slot))
          this.hold(write)
        else done(write)
      if (batch.ends) for (const { slot, stored } of batch.ends) if (!refused?.has(slot)) stored()
    }
  }

  /** The peer refused something, by this topology, which is newer than ours. */
  refusedByNewer(epoch: number, version: number): void {
    const { epoch: lastEpoch, version: lastVersion } = this.#refusedBy
    if (compareVersions(epoch, version, lastEpoch, lastVersion) > 0) this.#refusedBy = { epoch, version }
  }

  /** Whether the peer refused something by a newer topology than the one that we follow: only that says what it means. */
  get isRefusedByNewer(): boolean {
    const { epoch, version } = this.#refusedBy
    return compareVersions(epoch, version, this.#epoch, this.#version) > 0
  }

  get holdsWrites(): boolean {
    return this.#held.size > 0
  }

  /** Of which it holds writes. */
  heldSlots(): number[] {
    return [...this.#held.keys()]
  }

  /** Takes out the writes that shall no longer wait for what was sent of them to this peer, and all that are held. */
  takeWrites(isMoved: (write: PendingWrite) => boolean): PendingWrite[] {
    const taken = [...this.#held.values()].flat()
    this.#held.clear()
    const batches = this.#open ? [...this.#inFlight, this.#open] : this.#inFlight
    for (const { writes } of batches) {
      let kept = 0
      for (const write of writes)
        if (isMoved(write)) taken.push(write)
        else writes[kept++] = write
      writes.length = kept
    }
    return taken
  }

  /** Holds a write (again) until a newer topology comes, or its slot is mended. */
  hold(write: PendingWrite): void {
    const held = this.#held.get(write.slot)
    if (held) held.push(write)
    else this.#held.set(write.slot, [write])
  }

  /** What was put in before a long value does not wait for it: it may be what makes room for it. */
  #batchFor({ value }: Entry): Batch {
    if (this.#open && isLarge(value)) this.flush()
    return this.#batch()
  }

  #batch(): Batch {
    if (this.#open && this.#open.bytes > limits.softFrameBytes) this.flush()
    if (this.#open) return this.#open
    const number = ++this.#number
    this.dirty.push(this)
    this.#open = {
      number,
      message: openBatch(number),
      writes: [],
      origin: undefined,
      large: undefined,
      expiries: undefined,
      ends: undefined,
      fillBytes: 0,
      bytes: 0,
    }
    return this.#open
  }

  #written(slot: number, origin: Origin, number: number): void {
    const batch = this.#batch()
    this.#pushOrigin(batch, origin)
    batch.message.push(ReplicaOp.WRITTEN, slot, number)
    this.#count(batch, OPERATION_BYTES)
  }

  #pushOrigin(batch: Batch, origin: Origin): void {
    if (batch.origin === origin) return
    batch.origin = origin
    batch.message.push(ReplicaOp.ORIGIN, origin.id, origin.settledBelow)
    this.#count(batch, origin.id.length + OPERATION_BYTES)
  }

  #count(batch: Batch, bytes: number): void {
    batch.bytes += bytes
    this.bytesInFlight += bytes
  }

  #expect(batch: Batch, write: PendingWrite | undefined): void {
    if (!write) return
    write.sent()
    batch.writes.push(write)
  }

  #pushEntry(batch: Batch, op: number, entry: Entry, now: number): number {
    const { slot, seq, key, value, kind, expiresAt } = entry
    this.#now = now
    if (expiresAt !== 0) {
      batch.expiries ??= []
      batch.expiries.push({ index: batch.message.length + ENTRY_TTL_AT, expiresAt })
    }
    const large = isLarge(value)
    if (large) {
      batch.large ??= []
      batch.large.push({ index: batch.message.length + ENTRY_VALUE_AT, bytes: value, port: undefined })
    }
    batch.message.push(op, slot, seq, key, large ? null : value, kind, 0)
    const size = key.length + value.length + OPERATION_BYTES
    this.#count(batch, size)
    return size
  }

  #close(): void {
    const batch = this.#open
    if (!batch) return
    this.#open = undefined
    closeBatch(batch.message, this.#epoch, this.#version)
    this.#inFlight.push(batch)
  }

  /** Sends what has not been sent on this link, in order; a batch waits for its long values to go ahead. */
  #send(): void {
    const port = this.#port
    while (port && port === this.#port && this.#sent < this.#inFlight.length) {
      const batch = this.#inFlight[this.#sent]!
      const unsent = batch.large?.find((large) => large.port !== port)
      if (unsent) return this.#stage(port, batch, unsent)
      this.#sent++
      for (const { index, expiresAt } of batch.expiries ?? EMPTY)
        batch.message[index] = Math.max(1, Math.ceil(expiresAt - this.#now))
      port.send(batch.message)
    }
  }

  #stage(port: LinkPort, batch: Batch, large: LargeValue): void {
    if (this.#staging === port) return
    this.#staging = port
    port.stage(large.bytes, (staged) => {
      this.#staging = undefined
      if (this.#port !== port) return
      large.port = port
      batch.message[large.index] = staged
      this.#send()
    })
  }
}

/** Whether a value is too long for the frame of its operation. */
function isLarge(value: StoredValue): value is Uint8Array {
  return typeof value !== 'string' && value.length > limits.chunkBytes
}
