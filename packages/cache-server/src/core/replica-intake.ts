import {
  backAckMessage,
  compareVersions,
  IcfError,
  isCount,
  keySlot,
  limits,
  malformed,
  NONE,
  OPERATIONS_AT,
  readBatchHeader,
  ReplicaOp,
  replicaOpFields,
  seatOf,
  topologyRequest,
  ValueKind,
  type BatchHeader,
  type Message,
} from '@icf/common'
import { AuditAnswers } from './audit-answers.js'
import { Entry } from './entry.js'
import { MendedCopies } from './mended-copies.js'
import { ownedValue } from './owned-value.js'
import type { Origin } from './origin.js'
import type { LinkPort } from './ports.js'
import { Held, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

const COUNT = 'a whole number from 0 on'

interface Waiting {
  readonly header: BatchHeader
  readonly message: Message
  /** From then on the time of its entries runs. */
  readonly receivedAt: number
  /** Of memory that it takes while it waits. */
  readonly bytes: number
}

/** What batches that wait may take, of all senders together, as a share of the budget. */
const WAITING_SHARE = 1 / 8

/** What a field takes beside its text or bytes, about. */
const FIELD_BYTES = 16

interface Sender {
  /** Of the sender's channel, which its batch numbers belong to. */
  readonly channel: number
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
  /** Of the topology that the operations at hand go by. */
  #version = 0
  /** Whose numbers stand in them. */
  #origin: Origin | undefined
  /** On which they came. */
  #port: LinkPort | undefined

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

  /** @param channel by its HELLO */
  connected(senderId: string, channel: number, port: LinkPort): void {
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
      this.#senders.set(senderId, { channel, port, ...state })
    }
  }

  disconnected(senderId: string, port: LinkPort): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    sender.port = undefined
    this.#dropWaiting(sender)
  }

  /** @throws IcfError PROTOCOL */
  receive(senderId: string, port: LinkPort, message: Message, now: number): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    if (sender.refusal) throw sender.refusal
    if (sender.isCut) return
    const header = readBatchHeader(message)
    if (this.#isAhead(header) || sender.waiting.length > 0) {
      if (sender.waiting.length === 0) port.send(topologyRequest)
      this.#wait(sender, { header, message, receivedAt: now, bytes: sizeOf(message) })
    } else this.#apply(senderId, sender, { header, message, receivedAt: now, bytes: 0 })
  }

  /**
   * Without room, this batch and all after it are dropped. The link is read on, since the topology may come on it; once that is
   * there, the link is closed, and its sender begins where we left off.
   */
  #wait(sender: Sender, batch: Waiting): void {
    sender.isCut = this.#waitingBytes + batch.bytes > this.#maxWaitingBytes
    if (sender.isCut) return
    this.#waitingBytes += batch.bytes
    sender.waiting.push(batch)
  }

  #dropWaiting({ waiting }: Sender): void {
    for (const { bytes } of waiting) this.#waitingBytes -= bytes
    waiting.length = 0
  }

  /** Our topology is newer than before: goes on with what waited for it, and forgets servers that are gone. */
  topologyChanged(): void {
    this.#mended.topologyChanged()
    this.#answers.topologyChanged()
    for (const [id, sender] of this.#senders) {
      for (let next = sender.waiting[0]; next && !this.#isAhead(next.header); next = sender.waiting[0]) {
        sender.waiting.shift()
        this.#waitingBytes -= next.bytes
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

  #apply(senderId: string, sender: Sender, { header, message, receivedAt }: Waiting): void {
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
    for (let at = OPERATIONS_AT; at < message.length;)
      at = this.#applyOperation(message, at, seat, sender.refused, isNew, receivedAt)
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
    for (const sender of this.#dirty) {
      sender.isDirty = false
      this.#acknowledge(sender)
    }
    this.#dirty.length = 0
    return this.#answers.advance()
  }

  #acknowledge({ port, lastSeen, refused }: Sender): void {
    const { epoch, version } = this.slots.topology
    port?.send(backAckMessage(lastSeen, epoch, version, refused))
    refused.clear()
  }

  /** Applies the operation at `at`; returns where the next one starts. */
  #applyOperation(
    message: Message,
    at: number,
    seat: number,
    refused: Set<number>,
    isNew: boolean,
    now: number,
  ): number {
    const op = message[at]
    const fields = typeof op === 'number' ? replicaOpFields[op] : undefined
    if (fields === undefined || at + fields >= message.length)
      throw noOperation(op, fields, message.length - at - 1)
    if (op === ReplicaOp.ORIGIN) {
      this.#begin(message, at, now)
      return at + fields + 1
    }
    const slot = message[at + 1]
    if (!isCount(slot) || slot >= this.slots.count)
      throw malformed('slot of an operation', `a slot from 0 to ${this.slots.count - 1}`, slot)
    if (op === ReplicaOp.COMPARE || op === ReplicaOp.LIST) {
      if (isNew) this.#ask(message, at, slot, seat)
      return at + fields + 1
    }
    if (!this.#isCopiedFrom(seat, slot)) refused.add(slot)
    else if (!this.#isTaken(op as number, slot, message[at + 3])) refused.add(slot)
    else if (!isNew) return at + fields + 1
    else if (op === ReplicaOp.FILL_BEGIN) this.#beginCopy(slot, sequence(message[at + 2]))
    else if (op === ReplicaOp.PUT) this.#put(message, at, slot, refused, now)
    else if (op === ReplicaOp.REMOVE) this.#remove(message, at, slot, refused)
    else if (op === ReplicaOp.FILL) this.#fill(message, at, slot, now)
    else if (op === ReplicaOp.MEND) this.#mended.begin(slot, sequence(message[at + 2]))
    else if (op === ReplicaOp.FILL_END) this.#mended.end(slot)
    else if (op === ReplicaOp.PARTED) this.slots.part(slot)
    else if (op === ReplicaOp.WRITTEN) this.#note(slot, message[at + 2])
    return at + fields + 1
  }

  /** Whether the sender, which has this seat, was the slot's primary when it sent this, and is, and our copy is the same. */
  #isCopiedFrom(seat: number, slot: number): boolean {
    const { topology, held, copySince } = this.slots
    const isPrimary = seat !== NONE && topology.primary[slot] === seat
    return isPrimary && held[slot]! >= Held.BACKUP && this.#version >= copySince[slot]!
  }

  /** Whether our topology wants this copy of the slot. */
  #isWanted(slot: number, since: unknown): boolean {
    return (
      this.slots.held[slot] === Held.INCOMING && this.slots.topology.transitions.get(slot)?.since === since
    )
  }

  /** Whether our copy of the slot is one that the operation can be for. @param since of FILL_BEGIN */
  #isTaken(op: number, slot: number, since: unknown): boolean {
    if (op === ReplicaOp.FILL_BEGIN) return this.#isWanted(slot, since)
    if (op === ReplicaOp.MEND) return this.slots.held[slot] === Held.BACKUP
    return this.slots.torn[slot] === 0
  }

  #beginCopy(slot: number, seq: number): void {
    this.store.clear(slot)
    this.slots.beginCopy(slot, seq)
  }

  #begin(message: Message, at: number, now: number): void {
    const [id, settledBelow] = [message[at + 1], message[at + 2]]
    if (typeof id !== 'string' || id === '' || id.length > limits.maxNameLength)
      throw malformed('client of ORIGIN', `a text of 1 to ${limits.maxNameLength} characters`, id)
    if (!isCount(settledBelow)) throw malformed('bound of settled writes of ORIGIN', COUNT, settledBelow)
    this.#origin = this.store.history.origin(id, now)
    this.#origin.settle(settledBelow)
  }

  #note(slot: number, number: unknown): void {
    if (!isCount(number)) throw malformed('write number of an operation', COUNT, number)
    this.store.history.note(slot, this.#origin, number)
  }

  #put(message: Message, at: number, slot: number, refused: Set<number>, now: number): void {
    const entry = this.#readEntry(message, at, slot, now)
    if (!this.slots.advance(slot, entry.seq)) return void refused.add(slot)
    this.store.put(entry)
    this.#note(slot, message[at + 7])
  }

  #remove(message: Message, at: number, slot: number, refused: Set<number>): void {
    const key = this.#readKey(message[at + 3], slot)
    if (!this.slots.advance(slot, sequence(message[at + 2]))) return void refused.add(slot)
    this.store.remove(slot, key)
    this.#note(slot, message[at + 4])
  }

  /** Changes nothing, and so is not refused: who asks is told that this is no complete copy of what the sender has. */
  #ask(message: Message, at: number, slot: number, seat: number): void {
    const [question, keys] = [message[at + 2], message[at + 3]]
    if (!isCount(question)) throw malformed('question in a batch', COUNT, question)
    const { held, torn } = this.slots
    const isComplete = held[slot] === Held.BACKUP && torn[slot] === 0 && !this.#mended.has(slot)
    const ask = { slot, question, port: this.#port, isWhole: isComplete && this.#isCopiedFrom(seat, slot) }
    if (message[at] === ReplicaOp.LIST) return this.#answers.list(ask, keys === 1)
    if (!Array.isArray(keys)) throw malformed('keys of COMPARE', 'an array', keys)
    this.#answers.compare(
      ask,
      keys.map((key) => this.#readKey(key, slot)),
    )
  }

  #fill(message: Message, at: number, slot: number, now: number): void {
    const entry = this.#readEntry(message, at, slot, now)
    const present = this.store.peek(slot, entry.key)
    if (this.#mended.isDoubtful(slot, entry.key) || !present || present.seq < entry.seq) this.store.put(entry)
  }

  #readEntry(message: Message, at: number, slot: number, now: number): Entry {
    const key = this.#readKey(message[at + 3], slot)
    const kind = message[at + 5]
    const ttlMs = message[at + 6]
    if (!isKind(kind)) throw malformed('kind of a value in a batch', '0, 1 or 2', kind)
    if (typeof ttlMs !== 'number' || !(ttlMs >= 0 && ttlMs < Infinity))
      throw malformed('time to live in a batch', 'a number of milliseconds from 0 on', ttlMs)
    const value = ownedValue(message[at + 4])
    return new Entry(key, slot, sequence(message[at + 2]), value, kind, ttlMs === 0 ? 0 : now + ttlMs)
  }

  /** Entries are found by their keys alone: one of another slot would reach into what that slot's primary has sent. */
  #readKey(key: unknown, slot: number): string {
    if (typeof key !== 'string' || key === '' || key.length > limits.maxKeyBytes)
      throw malformed('key of an operation', `a text of 1 to ${limits.maxKeyBytes} characters`, key)
    if (keySlot(key, this.slots.count) !== slot)
      throw new IcfError('PROTOCOL', `a batch has a key under slot ${slot}, which is not the key's slot`)
    return key
  }
}

function sizeOf(message: Message): number {
  let bytes = message.length * FIELD_BYTES
  for (const field of message)
    if (typeof field === 'string' || field instanceof Uint8Array) bytes += field.length
    else if (Array.isArray(field)) bytes += sizeOfKeys(field)
  return bytes
}

function sizeOfKeys(keys: readonly unknown[]): number {
  let bytes = keys.length * FIELD_BYTES
  for (const key of keys) if (typeof key === 'string') bytes += key.length
  return bytes
}

function noOperation(op: unknown, fields: number | undefined, came: number): IcfError {
  return fields === undefined
    ? malformed('number of an operation in a batch', `a number from 0 to ${replicaOpFields.length - 1}`, op)
    : new IcfError('PROTOCOL', `operation ${String(op)} in a batch must have ${fields} fields, got ${came}`)
}

function sequence(value: unknown): number {
  if (!isCount(value)) throw malformed('sequence number of an operation', COUNT, value)
  return value
}

function isKind(value: unknown): value is number {
  return value === ValueKind.BYTES || value === ValueKind.TEXT || value === ValueKind.ENCODED
}
