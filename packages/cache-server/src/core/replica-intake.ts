import {
  compareVersions,
  FrameReader,
  FrameWriter,
  IcfError,
  keySlot,
  limits,
  malformed,
  NONE,
  Operation,
  readBatchHeader,
  readComparedKeys,
  readOperation,
  ReplicaOp,
  seatOf,
  topologyRequest,
  writeBackAck,
  type BatchHeader,
  type Key,
} from '@icf/common'
import { AuditAnswers } from './audit-answers.js'
import { Entry } from './entry.js'
import { MendedCopies } from './mended-copies.js'
import type { Origin } from './origin.js'
import type { LinkPort } from './ports.js'
import { Held, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import { arrivedValue, ownBytes } from './stored-value.js'

interface Waiting {
  readonly header: BatchHeader
  /** It stands before the first operation. */
  readonly frame: FrameReader
  /** From then on the time of its entries runs. */
  readonly receivedAt: number
}

/** What a batch that waits takes beside its bytes, about. */
const BATCH_BYTES = 500

/** What batches that wait may take, of all senders together, as a share of the budget. */
const WAITING_SHARE = 1 / 8

interface Sender {
  /** Of the sender's channel, which its batch numbers belong to. */
  readonly channel: number
  readonly takesAnyKey: boolean
  port: LinkPort | undefined
  /** Number of the last batch that was stored. */
  lastStored: number
  /** Number of the last batch that came on the present link, perhaps again; 0: none has. */
  lastSeen: number
  /** Batches that name a newer topology than ours, in order. */
  readonly waiting: Waiting[]
  /** There was no room for a batch, which would have had to wait: nothing more is taken on this link. */
  isCut: boolean
  /** What is wrong with a batch that waited: said when the next one comes. */
  refusal: IcfError | undefined
  /** Slots of which that batch had something that was refused. */
  readonly refused: Set<number>
  isDirty: boolean
}

/** The receiving end of every other server's ReplicaChannel: stores what primaries send, if they are still primaries. */
export class ReplicaIntake {
  readonly #senders = new Map<string, Sender>()
  /** Those that an acknowledgement is due to. */
  readonly #dirty: Sender[] = []
  readonly #mended: MendedCopies
  readonly #answers: AuditAnswers
  readonly #maxWaitingBytes: number
  #waitingBytes = 0
  readonly #writer = new FrameWriter()
  /** The one at hand. */
  readonly #operation = new Operation()
  /** Of the topology that the operations at hand go by. */
  #version = 0
  /** Whose numbers stand in them. */
  #origin: Origin | undefined
  /** On which they came. */
  #port: LinkPort | undefined
  /** Whether their sender takes keys of any bytes. */
  #takesAnyKey = false

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    /** Called after entries came, to keep the byte budget. */
    private readonly stored: () => void,
    /** Ends the link on which this server sends: it connects anew, and sends again what was not acknowledged. */
    private readonly reconnect: (senderId: string) => void,
  ) {
    this.#maxWaitingBytes = store.maxBytes * WAITING_SHARE
    this.#mended = new MendedCopies(slots, store)
    this.#answers = new AuditAnswers(slots, store)
  }

  /** @param channel by its HELLO, as whether it takes keys of any bytes */
  connected(senderId: string, channel: number, port: LinkPort, takesAnyKey = false): void {
    const sender = this.#senders.get(senderId)
    if (sender) this.#dropWaiting(sender)
    if (sender?.channel === channel) {
      sender.port = port
      sender.lastSeen = 0
      sender.isCut = false
      sender.refusal = undefined
      sender.refused.clear()
    } else {
      const state = {
        lastStored: 0,
        lastSeen: 0,
        waiting: [],
        refused: new Set<number>(),
        isCut: false,
        refusal: undefined,
        isDirty: false,
      }
      this.#senders.set(senderId, { channel, port, takesAnyKey, ...state })
    }
  }

  disconnected(senderId: string, port: LinkPort): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    sender.port = undefined
    this.#dropWaiting(sender)
  }

  /** @throws IcfError PROTOCOL */
  receive(senderId: string, port: LinkPort, frame: FrameReader, now: number): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    if (sender.refusal) throw sender.refusal
    if (sender.isCut) return
    const header = readBatchHeader(frame)
    if (this.#isAhead(header) || sender.waiting.length > 0) {
      if (sender.waiting.length === 0) port.send(topologyRequest)
      this.#wait(sender, { header, frame, receivedAt: now })
    } else this.#apply(senderId, sender, { header, frame, receivedAt: now })
  }

  /**
   * Without room, this batch and all after it are dropped. The link is read on, since the topology may come on it; once that is
   * there, the link is closed, and its sender begins where we left off.
   */
  #wait(sender: Sender, { header, frame, receivedAt }: Waiting): void {
    const bytes = sizeOf(frame)
    sender.isCut = this.#waitingBytes + bytes > this.#maxWaitingBytes
    if (sender.isCut) return
    this.#waitingBytes += bytes
    const own = new FrameReader(frame.type, ownBytes(frame.bytes), frame.at, frame.ahead)
    sender.waiting.push({ header, frame: own, receivedAt })
  }

  #dropWaiting({ waiting }: Sender): void {
    for (const { frame } of waiting) this.#waitingBytes -= sizeOf(frame)
    waiting.length = 0
  }

  /** Our topology is newer than before: goes on with what waited for it, and forgets servers that are gone. */
  topologyChanged(): void {
    this.#mended.topologyChanged()
    this.#answers.topologyChanged()
    for (const [id, sender] of this.#senders) {
      for (let next = sender.waiting[0]; next && !this.#isAhead(next.header); next = sender.waiting[0]) {
        sender.waiting.shift()
        this.#waitingBytes -= sizeOf(next.frame)
        this.#applyWaiting(id, sender, next)
      }
      if (sender.isCut && sender.port && sender.waiting.length === 0) this.reconnect(id)
      if (!sender.port && seatOf(this.slots.topology, id) === NONE) this.#senders.delete(id)
    }
  }

  /** The topology came on another link than the batch. */
  #applyWaiting(id: string, sender: Sender, batch: Waiting): void {
    try {
      this.#apply(id, sender, batch)
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      sender.refusal = error
      this.#dropWaiting(sender)
    }
  }

  #isAhead({ epoch, version }: BatchHeader): boolean {
    const mine = this.slots.topology
    return compareVersions(epoch, version, mine.epoch, mine.version) > 0
  }

  #apply(senderId: string, sender: Sender, { header, frame, receivedAt }: Waiting): void {
    const { number, version } = header
    // One that comes again is not applied again, but what was refused of it is said again.
    const isNew = number > sender.lastStored
    // What was refused of one batch says nothing about the next.
    if (sender.refused.size > 0) this.#acknowledge(sender)
    sender.lastSeen = number
    const seat = seatOf(this.slots.topology, senderId)
    this.#version = version
    this.#origin = undefined
    this.#port = sender.port
    this.#takesAnyKey = sender.takesAnyKey
    const operation = this.#operation
    for (let count = 0; !frame.isAtEnd;) {
      readOperation(frame, operation)
      count += operation.op === ReplicaOp.COMPARE ? 1 + operation.number : 1
      if (count > limits.maxOperationsPerBatch)
        throw new IcfError('PROTOCOL', `a batch with more than ${limits.maxOperationsPerBatch} operations`)
      this.#applyOperation(frame, seat, sender.refused, isNew, receivedAt)
    }
    operation.ahead = undefined
    if (isNew) {
      sender.lastStored = number
      this.stored()
    }
    if (sender.isDirty) return
    sender.isDirty = true
    this.#dirty.push(sender)
  }

  /** Acknowledges what came since the last time. @returns whether more of what was asked is to be answered */
  flush(): boolean {
    for (let next = this.#dirty.shift(); next; next = this.#dirty.shift()) {
      next.isDirty = false
      this.#acknowledge(next)
    }
    return this.#answers.advance()
  }

  #acknowledge({ port, lastSeen, refused }: Sender): void {
    const { epoch, version } = this.slots.topology
    if (port) {
      writeBackAck(this.#writer, lastSeen, epoch, version, refused)
      port.sendData(this.#writer.finish())
    }
    refused.clear()
  }

  /** Applies the operation at hand. */
  #applyOperation(frame: FrameReader, seat: number, refused: Set<number>, isNew: boolean, now: number): void {
    const operation = this.#operation
    const { op, slot } = operation
    if (op === ReplicaOp.ORIGIN) return this.#begin(operation, now)
    if (slot >= this.slots.count)
      throw malformed('slot of an operation', `a slot from 0 to ${this.slots.count - 1}`, slot)
    if (op === ReplicaOp.COMPARE || op === ReplicaOp.LIST) {
      if (isNew) this.#ask(frame, operation, seat)
      return
    }
    if (!this.#isCopiedFrom(seat, slot)) refused.add(slot)
    else if (!this.#isTaken(op, slot, operation.number)) refused.add(slot)
    else if (!isNew) return
    else if (op === ReplicaOp.FILL_BEGIN) this.#beginCopy(slot, operation.seq)
    else if (op === ReplicaOp.PUT) this.#put(frame, operation, refused, now)
    else if (op === ReplicaOp.REMOVE) this.#remove(frame, operation, refused)
    else if (op === ReplicaOp.FILL) this.#fill(frame, operation, now)
    else if (op === ReplicaOp.MEND) this.#mended.begin(slot, operation.seq)
    else if (op === ReplicaOp.FILL_END) this.#mended.end(slot)
    else if (op === ReplicaOp.PARTED) this.slots.part(slot)
    else if (op === ReplicaOp.WRITTEN) this.store.history.note(slot, this.#origin, operation.seq)
  }

  /** Whether the sender, which has this seat, was the slot's primary when it sent this, and is, and our copy is the same. */
  #isCopiedFrom(seat: number, slot: number): boolean {
    const { topology, held, copySince } = this.slots
    const isPrimary = seat !== NONE && topology.primary[slot] === seat
    return isPrimary && held[slot]! >= Held.BACKUP && this.#version >= copySince[slot]!
  }

  /** Whether our topology wants this copy of the slot. */
  #isWanted(slot: number, since: number): boolean {
    return (
      this.slots.held[slot] === Held.INCOMING && this.slots.topology.transitions.get(slot)?.since === since
    )
  }

  /** Whether our copy of the slot is one that the operation can be for. @param since of FILL_BEGIN */
  #isTaken(op: number, slot: number, since: number): boolean {
    if (op === ReplicaOp.FILL_BEGIN) return this.#isWanted(slot, since)
    if (op === ReplicaOp.MEND) return this.slots.held[slot] === Held.BACKUP
    return this.slots.torn[slot] === 0
  }

  #beginCopy(slot: number, seq: number): void {
    this.store.clear(slot)
    this.slots.beginCopy(slot, seq)
  }

  #begin({ clientId, settledBelow }: Operation, now: number): void {
    if (clientId === '' || clientId.length > limits.maxNameLength)
      throw malformed('client of ORIGIN', `a text of 1 to ${limits.maxNameLength} characters`, clientId)
    this.#origin = this.store.history.origin(clientId, now)
    this.#origin.settle(settledBelow)
  }

  #put(frame: FrameReader, operation: Operation, refused: Set<number>, now: number): void {
    const entry = this.#readEntry(frame, operation, now)
    if (!this.slots.advance(entry.slot, entry.seq)) return void refused.add(entry.slot)
    this.store.put(entry)
    this.store.history.note(entry.slot, this.#origin, operation.number)
  }

  #remove(frame: FrameReader, operation: Operation, refused: Set<number>): void {
    const { slot, seq, number } = operation
    const key = this.#readKey(frame, operation)
    if (!this.slots.advance(slot, seq)) return void refused.add(slot)
    this.store.remove(slot, key)
    this.store.history.note(slot, this.#origin, number)
  }

  /** Changes nothing, and so is not refused: who asks is told that this is no complete copy of what the sender has. */
  #ask(frame: FrameReader, operation: Operation, seat: number): void {
    const { op, slot, seq: question, number } = operation
    const { held, torn } = this.slots
    const isComplete = held[slot] === Held.BACKUP && torn[slot] === 0 && !this.#mended.has(slot)
    const ask = { slot, question, port: this.#port, isWhole: isComplete && this.#isCopiedFrom(seat, slot) }
    if (op === ReplicaOp.LIST) return this.#answers.list(ask, number === 1, this.#takesAnyKey)
    const keys = readComparedKeys(frame, operation)
    for (const key of keys) this.#checkKey(key, slot)
    this.#answers.compare(ask, keys)
  }

  #fill(frame: FrameReader, operation: Operation, now: number): void {
    const entry = this.#readEntry(frame, operation, now)
    const { slot, key } = entry
    const present = this.store.find(slot, key)
    const isNews = present === 0 || this.store.records.seq(present) < entry.seq
    if (isNews || this.#mended.isDoubtful(slot, key)) this.store.put(entry)
  }

  #readEntry(frame: FrameReader, operation: Operation, now: number): Entry {
    const { slot, seq, kind, ttlMs, valueAt, valueBytes, ahead } = operation
    const key = this.#readKey(frame, operation)
    const value = arrivedValue(frame.bytes, valueAt, valueBytes, ahead)
    return new Entry(key, slot, seq, value, kind, ttlMs === 0 ? 0 : now + ttlMs)
  }

  #readKey(frame: FrameReader, { slot, keyAt, keyBytes }: Operation): Key {
    const key = frame.binaryAt(keyAt, keyBytes)
    this.#checkKey(key, slot)
    return key
  }

  /** Entries are found by their keys alone: one of another slot would reach into what that slot's primary has sent. */
  #checkKey(key: Key, slot: number): void {
    if (key === '') throw malformed('key of an operation', `1 to ${limits.maxKeyBytes} bytes`, key)
    if (keySlot(key, this.slots.count) !== slot)
      throw new IcfError('PROTOCOL', `a batch has a key under slot ${slot}, which is not the key's slot`)
  }
}

/** What a batch takes while it waits. */
function sizeOf({ bytes, ahead }: FrameReader): number {
  return BATCH_BYTES + bytes.length + (ahead?.length ?? 0)
}
