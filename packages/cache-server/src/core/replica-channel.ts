import {
  beginBatch,
  compareVersions,
  FrameWriter,
  limits,
  nameAhead,
  ReplicaOp,
  setTimeToLive,
  SLOT_COUNT,
  withTextKeysAlone,
  writeComparison,
  writeEntry,
  writeOperation,
  writeOrigin,
  writeRemoval,
} from '@icf/common'
import { CopyWindow } from './copy-window.js'
import type { Entry } from './entry.js'
import type { Origin } from './origin.js'
import type { PendingWrite } from './pending-write.js'
import type { LinkPort } from './ports.js'
import type { StoredValue } from './stored-value.js'
import { ValuesAhead, type LongValue } from './values-ahead.js'
import type { WrittenBy } from './write-history.js'

/**
 * What an operation counts for beside its key and value, by the work that it makes for the backup.
 */
const OPERATION_BYTES = 64

/** The same of a key in a list. */
const KEY_BYTES = 8

/** What beginning and ending a slot's copy counts for, by the work it makes: so that empty slots do not come all at once. */
const SLOT_BYTES = 512

/** Writes leave once they are this share of those that the backup has not acknowledged … */
const LEAST_SHARE = 1 / 2
/** … or so many bytes, as they are counted: beside these a frame costs nothing. */
const LITTLE_BYTES = 64 * 1024

const EMPTY: readonly Expiry[] = []
const NO_FRAME = Buffer.alloc(0)

/** What takes the place of a value that nobody needs, should its link break before it was named. */
const NOTHING = Buffer.alloc(1)

interface Expiry {
  /** Where the frame says how long the entry has to live. */
  readonly at: number
  readonly expiresAt: number
}

/** A copy that begins. */
export interface Fill {
  /** Writes that the slot has seen before. */
  readonly seq: number
  /** Version of the topology that asks for it. */
  readonly since: number
  /** The slot's writes that clients may still repeat. */
  readonly written: readonly WrittenBy[]
  /** It lacks what ours lacks, and the backup may have. */
  readonly isParted: boolean
  /** Number of the batch that begins it: the channel says it. */
  firstBatch: number
}

/** Knows which copies are to be made. One begins with whatever is put in first for its slot. */
export interface Fills {
  /** Whether that is on this channel. */
  isToBegin(slot: number, channel: ReplicaChannel): boolean
  /** From now on it has begun. */
  begin(slot: number): Fill
}

const NO_FILLS: Fills = {
  isToBegin: () => false,
  begin: () => {
    throw new Error('no copy is to be begun')
  },
}

interface CopyEnd {
  readonly slot: number
  /** Called when the peer has stored all of it. */
  stored(): void
}

interface Batch {
  readonly number: number
  /** Empty until the batch is closed. */
  frame: Buffer
  readonly writes: PendingWrite[]
  /** How many of them there were when the batch was closed. */
  writeCount: number
  /** Whose numbers stand in the operations added last. */
  origin: Origin | undefined
  /** The long value that it names. */
  readonly large: LongValue | undefined
  /** Of the entries that do not live for ever. */
  expiries: Expiry[] | undefined
  /** Ends of copies. */
  ends: CopyEnd[] | undefined
  fillBytes: number
  bytes: number
  /** When it was sent on the present link. */
  sentAt: number
  /** It has more than short writes, and so does not wait. */
  isUrgent: boolean
}

/**
 * All that this server sends to one other as copies of its slots: batches in order, kept until they are
 * acknowledged and sent again after a reconnect, so that each is applied exactly once.
 */
export class ReplicaChannel {
  #port: LinkPort | undefined
  #canCompare = false
  #takesAnyKey: boolean | undefined
  #number = 0
  readonly #writer = new FrameWriter()
  #open: Batch | undefined
  /** Closed batches that are not acknowledged, oldest first. */
  readonly #inFlight: Batch[] = []
  /** How many of them have been sent on the present link. */
  #sent = 0
  /** Writes that went out in them. */
  #unacknowledged = 0
  /** The open batch waits for an acknowledgement. */
  #isPaced = false
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
  readonly #ahead: ValuesAhead
  /** Bytes of copied entries on their way … */
  fillBytesInFlight = 0
  /** … and how many there may be where copies give way to live calls. */
  readonly window = new CopyWindow()
  /** All bytes on their way: bounded by the clients that wait for them, and by the copying window. */
  bytesInFlight = 0

  /**
   * @param id names this channel: its batches count from 1, whatever an earlier one to the same server had sent
   * @param dirty where the channel puts itself when it has something to flush
   * @param wentAhead told when a value has gone ahead: the operation that it belongs to may be put in
   */
  constructor(
    readonly peerId: string,
    readonly id: number,
    private readonly dirty: ReplicaChannel[],
    private readonly fills: Fills = NO_FILLS,
    wentAhead: () => void = () => undefined,
    private readonly slotCount = SLOT_COUNT,
  ) {
    this.#ahead = new ValuesAhead({
      isClear: () => this.#sent === this.#inFlight.length && this.#open?.large === undefined,
      arrived: wentAhead,
      discard: (value) => this.#discard(value),
    })
  }

  /** Whether the peer is there, and takes COMPARE and LIST. */
  get canCompare(): boolean {
    return this.#port !== undefined && this.#canCompare
  }

  /** Whether the peer takes keys of any bytes, and not UTF-8 alone; undefined: it was never there. */
  get takesAnyKey(): boolean | undefined {
    return this.#takesAnyKey
  }

  isMending(slot: number): boolean {
    return this.#mending.has(slot)
  }

  get port(): LinkPort | undefined {
    return this.#port
  }

  /** Number of the oldest batch that was sent on the present link and is not acknowledged; undefined: all are. */
  get owed(): number | undefined {
    return this.#sent > 0 ? this.#inFlight[0]!.number : undefined
  }

  /** Of the batch to be begun next. */
  get nextNumber(): number {
    return this.#number + 1
  }

  /** Sends again what is not acknowledged: the peer knows what it has stored, and says what it refused. */
  connected(port: LinkPort, canCompare = false, takesAnyKey = false): void {
    this.#ahead.connected(port)
    this.#canCompare = canCompare
    this.#takesAnyKey = takesAnyKey
    this.#port = port
    this.#sent = 0
    this.#send()
  }

  /** What is put in from now on goes by this topology. */
  follow(epoch: number, version: number): void {
    this.#unpace()
    this.#close()
    this.#epoch = epoch
    this.#version = version
  }

  /** It is `now`: what is sent from now on has less time to live, and what was sent has taken so long. */
  elapse(now: number): void {
    this.#now = now
  }

  disconnected(): void {
    this.#staging = undefined
    this.#ahead.disconnected()
    this.#port = undefined
    this.#sent = 0
  }

  /**
   * Sends a long value to the peer, in its turn, while live writes pass it. Then an operation with it holds nobody up; unless
   * the link breaks in between: it goes once more then, and what comes after it waits.
   */
  sendAhead(bytes: Uint8Array): void {
    this.#ahead.send(bytes)
  }

  /** Whether it has gone ahead. */
  hasAhead(bytes: Uint8Array): boolean {
    return this.#ahead.has(bytes)
  }

  /** What was sent ahead, or shall be, is not needed any more, if nothing has named it yet. */
  withdraw(bytes: Uint8Array): void {
    this.#ahead.withdraw(bytes)
  }

  /** Whether an entry can be put in and holds nobody up. If not so, its value goes ahead. */
  isReadyFor({ value }: Entry): boolean {
    if (!isLarge(value) || this.#ahead.has(value)) return true
    this.#ahead.send(value)
    return this.#ahead.has(value)
  }

  /** A live write. */
  put(entry: Entry, now: number, write: PendingWrite, origin: Origin | undefined, number: number): void {
    this.fillBegin(entry.slot)
    const batch = this.#batchFor(entry)
    if (origin !== undefined) this.#writeOrigin(batch, origin)
    this.#writeEntry(batch, ReplicaOp.PUT, entry, now)
    this.#writer.count(origin === undefined ? 0 : number)
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
    this.fillBegin(slot)
    const batch = this.#batch()
    if (origin !== undefined) this.#writeOrigin(batch, origin)
    writeRemoval(this.#writer, slot, seq, key, origin === undefined ? 0 : number)
    this.#count(batch, key.length + OPERATION_BYTES)
    this.#expect(batch, write)
  }

  /** Whether a copy of the slot is to be made here, of which nothing has been put in. */
  isToBegin(slot: number): boolean {
    return this.fills.isToBegin(slot, this)
  }

  /** The copy of the slot begins, if it has not. */
  fillBegin(slot: number): void {
    if (!this.fills.isToBegin(slot, this)) return
    const fill = this.fills.begin(slot)
    fill.firstBatch = this.#write(ReplicaOp.FILL_BEGIN, slot, fill.seq, fill.since).number
    for (const { origin, number } of fill.written) this.#written(slot, origin, number)
    if (fill.isParted) this.#write(ReplicaOp.PARTED, slot)
  }

  /** An entry that was there before; a write that was not acknowledged elsewhere may wait for it. */
  fill(entry: Entry, now: number, write: PendingWrite | undefined): void {
    this.fillBegin(entry.slot)
    const batch = this.#batchFor(entry)
    batch.isUrgent = true
    const size = this.#writeEntry(batch, ReplicaOp.FILL, entry, now)
    batch.fillBytes += size
    this.fillBytesInFlight += size
    if (write) this.#expect(batch, write)
  }

  fillEnd(slot: number, stored: () => void): void {
    this.fillBegin(slot)
    const batch = this.#write(ReplicaOp.FILL_END, slot)
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
    const batch = this.#write(ReplicaOp.MEND, slot, seq)
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
    batch.isUrgent = true
    writeComparison(this.#writer, slot, question, keys)
    this.#count(
      batch,
      keys.reduce((sum, key) => sum + key.length + KEY_BYTES, OPERATION_BYTES),
    )
  }

  /** Asks which keys it has then. @param isFirst from the first on; else those that come next */
  list(slot: number, question: number, isFirst: boolean): void {
    this.#write(ReplicaOp.LIST, slot, question, isFirst ? 1 : 0)
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
    this.fillBegin(write.slot)
    this.#expect(this.#batch(), write)
  }

  /**
   * Sends what has been put in since the last time: all of it, unless it is little beside what the backup still
   * has to acknowledge, which lets more go then. So batches stay full under load, and a lone write never waits.
   */
  flush(): void {
    this.#isPaced = this.#isLittle()
    if (!this.#isPaced) this.#close()
    // Also what `follow` has closed: the acknowledgement that others wait for may be of that.
    this.#send()
  }

  #isLittle(): boolean {
    const open = this.#open
    if (open === undefined || open.isUrgent || open.bytes >= LITTLE_BYTES) return false
    return open.writes.length < LEAST_SHARE * this.#unacknowledged
  }

  /** What waits goes with the next flush, if it is enough then. */
  #unpace(): void {
    if (!this.#isPaced) return
    this.#isPaced = false
    this.dirty.push(this)
  }

  #flushAll(): void {
    this.#close()
    this.#send()
  }

  /**
   * The peer has processed all batches up to `number`. Writes of the slots it refused are held: what they wait for is settled
   * when a newer topology comes, which it knows already, or when its copy has been made anew or mended. So are those that come
   * after them: one may stand for all that was put in before it.
   */
  acknowledge(number: number, done: (write: PendingWrite) => void, refused?: ReadonlySet<unknown>): void {
    this.#unpace()
    let count = 0
    while (count < this.#inFlight.length && this.#inFlight[count]!.number <= number) count++
    this.#sent = Math.max(0, this.#sent - count)
    for (const batch of this.#inFlight.splice(0, count)) {
      this.#arrived(batch)
      this.bytesInFlight -= batch.bytes
      this.#unacknowledged -= batch.writeCount
      for (const write of batch.writes)
        if (refused?.has(write.slot) || this.#mending.has(write.slot) || this.#held.has(write.slot))
          this.hold(write)
        else done(write)
      if (batch.ends) for (const { slot, stored } of batch.ends) if (!refused?.has(slot)) stored()
    }
  }

  #arrived({ fillBytes, sentAt }: Batch): void {
    if (fillBytes === 0) return
    this.fillBytesInFlight -= fillBytes
    this.window.acknowledged(fillBytes, this.#now - sentAt, this.#now)
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
    if (!isLarge(value)) return this.#batch()
    if (this.#open) this.#flushAll()
    return this.#begin(this.#ahead.take(value) ?? { bytes: value, port: undefined, id: 0 })
  }

  /** The peer keeps a value until a frame names it: one without operations does. */
  #discard({ port, id }: LongValue): void {
    if (this.#open) this.#flushAll()
    this.#begin({ bytes: NOTHING, port, id })
  }

  #batch(): Batch {
    if (this.#open && this.#open.bytes > limits.softFrameBytes) this.#flushAll()
    this.#unpace()
    return this.#open ?? this.#begin(undefined)
  }

  #begin(large: LongValue | undefined): Batch {
    const number = ++this.#number
    this.dirty.push(this)
    beginBatch(this.#writer, { epoch: this.#epoch, version: this.#version, number }, large !== undefined)
    this.#open = {
      number,
      frame: NO_FRAME,
      writes: [],
      writeCount: 0,
      origin: undefined,
      large,
      expiries: undefined,
      ends: undefined,
      fillBytes: 0,
      bytes: 0,
      sentAt: 0,
      isUrgent: large !== undefined,
    }
    return this.#open
  }

  #write(op: number, ...fields: number[]): Batch {
    return this.#writeTo(this.#batch(), op, ...fields)
  }

  #writeTo(batch: Batch, op: number, ...fields: number[]): Batch {
    batch.isUrgent = true
    writeOperation(this.#writer, op, ...fields)
    this.#count(batch, OPERATION_BYTES)
    return batch
  }

  #written(slot: number, origin: Origin, number: number): void {
    const batch = this.#batch()
    this.#writeOrigin(batch, origin)
    this.#writeTo(batch, ReplicaOp.WRITTEN, slot, number)
  }

  #writeOrigin(batch: Batch, origin: Origin): void {
    if (batch.origin === origin) return
    batch.origin = origin
    writeOrigin(this.#writer, origin.id, origin.settledBelow)
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

  #writeEntry(
    batch: Batch,
    op: typeof ReplicaOp.PUT | typeof ReplicaOp.FILL,
    entry: Entry,
    now: number,
  ): number {
    const { key, value, expiresAt } = entry
    this.#now = now
    const at = writeEntry(this.#writer, op, entry, this.#timeToLive(expiresAt), isLarge(value))
    if (at !== 0) {
      batch.expiries ??= []
      batch.expiries.push({ at, expiresAt })
    }
    const size = key.length + value.length + OPERATION_BYTES
    // What has gone ahead is hardly on its way any more.
    const isThere = isLarge(value) && this.#port !== undefined && batch.large?.port === this.#port
    this.#count(batch, isThere ? size - value.length : size)
    return size
  }

  #timeToLive(expiresAt: number): number {
    return expiresAt === 0 ? 0 : Math.max(1, Math.ceil(expiresAt - this.#now))
  }

  #close(): void {
    const batch = this.#open
    if (!batch) return
    this.#open = undefined
    batch.frame = this.#writer.finish()
    batch.writeCount = batch.writes.length
    this.#unacknowledged += batch.writeCount
    this.#inFlight.push(batch)
  }

  /** Sends what has not been sent on this link, in order; a batch waits for its long value, if that did not go ahead before. */
  #send(): void {
    const port = this.#port
    while (port && port === this.#port && this.#sent < this.#inFlight.length) {
      const batch = this.#inFlight[this.#sent]!
      const { frame, large, expiries } = batch
      if (large && large.port !== port) return this.#stage(port, large)
      this.#sent++
      batch.sentAt = this.#now
      if (large) nameAhead(frame, large.id)
      for (const { at, expiresAt } of expiries ?? EMPTY) setTimeToLive(frame, at, this.#timeToLive(expiresAt))
      port.sendData(this.#takesAnyKey ? frame : withTextKeysAlone(frame, this.slotCount))
    }
    this.#ahead.advance()
  }

  #stage(port: LinkPort, large: LongValue): void {
    if (this.#staging === port) return
    this.#staging = port
    port.stage(large.bytes, ({ id }) => {
      this.#staging = undefined
      if (this.#port !== port) return
      large.port = port
      large.id = id
      this.#send()
    })
  }
}

/** Whether a value is too long for the frame of its operation. */
function isLarge(value: StoredValue): value is Uint8Array {
  return typeof value !== 'string' && value.length > limits.chunkBytes
}
