import {
  compareVersions,
  IcfError,
  MessageType,
  NONE,
  ReplicaOp,
  seatOf,
  SLOT_COUNT,
  type Message,
} from '@icf/common'
import { Entry } from './entry.js'
import { ownedValue } from './owned-value.js'
import type { LinkPort } from './ports.js'
import { Held, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

/** Bytes of a number and its separators, as a lower bound when one looks for the fields of an operation. */
const OPERATION_FIELDS = [6, 3, 3, 6, 1] as const

interface Sender {
  port: LinkPort | undefined
  /** Number of the last batch that was stored. */
  lastStored: number
  /** Batches that name a newer topology than ours, in order. */
  readonly waiting: Message[]
  /** Slots refused since the last acknowledgement. */
  readonly refused: Set<number>
  isDirty: boolean
}

/** The receiving end of every other server's ReplicaChannel: stores what primaries send, if they are still primaries. */
export class ReplicaIntake {
  readonly #senders = new Map<string, Sender>()
  /** Those that an acknowledgement is due to. */
  readonly #dirty: Sender[] = []

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    /** Called after entries came, to keep the byte budget. */
    private readonly stored: () => void,
  ) {}

  /** Number of the last batch stored from this incarnation: WELCOME tells it. */
  lastStored(senderId: string): number {
    return this.#senders.get(senderId)?.lastStored ?? 0
  }

  connected(senderId: string, port: LinkPort): void {
    const sender = this.#senders.get(senderId)
    if (sender) {
      sender.port = port
      sender.waiting.length = 0
    } else
      this.#senders.set(senderId, { port, lastStored: 0, waiting: [], refused: new Set(), isDirty: false })
  }

  disconnected(senderId: string, port: LinkPort): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    sender.port = undefined
    sender.waiting.length = 0
  }

  /** @throws IcfError PROTOCOL */
  receive(senderId: string, port: LinkPort, message: Message, now: number): void {
    const sender = this.#senders.get(senderId)
    if (!sender || sender.port !== port) return
    if (sender.waiting.length > 0 || this.#isAhead(message)) {
      if (sender.waiting.length === 0) port.send([MessageType.DISTRIBUTION_REQUEST])
      sender.waiting.push(message)
    } else this.#apply(senderId, sender, message, now)
  }

  /** Our topology is newer than before: goes on with what waited for it, and forgets servers that are gone. */
  topologyChanged(now: number): void {
    for (const [id, sender] of this.#senders) {
      while (sender.waiting[0] && !this.#isAhead(sender.waiting[0]))
        this.#apply(id, sender, sender.waiting.shift()!, now)
      if (!sender.port && seatOf(this.slots.topology, id) === NONE) this.#senders.delete(id)
    }
  }

  #isAhead(message: Message): boolean {
    const { epoch, version } = this.slots.topology
    return compareVersions(Number(message[1]), Number(message[2]), epoch, version) > 0
  }

  #apply(senderId: string, sender: Sender, message: Message, now: number): void {
    const number = message[3]
    if (!Number.isSafeInteger(number)) throw new IcfError('PROTOCOL', 'a batch has no number')
    if ((number as number) > sender.lastStored) {
      const seat = seatOf(this.slots.topology, senderId)
      for (let at = 4; at < message.length;) at = this.#applyOperation(message, at, seat, sender.refused, now)
      sender.lastStored = number as number
      this.stored()
    }
    if (sender.isDirty) return
    sender.isDirty = true
    this.#dirty.push(sender)
  }

  /** Acknowledges what was stored since the last time. */
  flush(): void {
    const { epoch, version } = this.slots.topology
    for (const sender of this.#dirty) {
      sender.isDirty = false
      const refused = sender.refused.size > 0 ? [...sender.refused] : EMPTY
      sender.refused.clear()
      sender.port?.send([MessageType.BACK_ACK, sender.lastStored, epoch, version, refused])
    }
    this.#dirty.length = 0
  }

  /** Applies the operation at `at`; returns where the next one starts. */
  #applyOperation(message: Message, at: number, seat: number, refused: Set<number>, now: number): number {
    const op = message[at] as number
    const fields = OPERATION_FIELDS[op]
    const slot = message[at + 1] as number
    if (fields === undefined || at + fields >= message.length || !(slot >= 0 && slot < SLOT_COUNT))
      throw new IcfError('PROTOCOL', 'malformed operation in a batch')
    if (this.slots.topology.primary[slot] !== seat || this.slots.held[slot]! < Held.BACKUP) refused.add(slot)
    else if (op === ReplicaOp.PUT) this.#put(message, at, slot, now)
    else if (op === ReplicaOp.REMOVE) this.#remove(message, at, slot)
    else if (op === ReplicaOp.FILL) this.#fill(message, at, slot, now)
    else if (op === ReplicaOp.FILL_BEGIN) {
      this.store.clear(slot)
      this.slots.seq[slot] = message[at + 2] as number
    }
    return at + fields + 1
  }

  #put(message: Message, at: number, slot: number, now: number): void {
    this.#advance(slot, message[at + 2] as number)
    this.store.put(readEntry(message, at, slot, now))
  }

  #remove(message: Message, at: number, slot: number): void {
    this.#advance(slot, message[at + 2] as number)
    this.store.remove(slot, message[at + 3] as string)
  }

  #fill(message: Message, at: number, slot: number, now: number): void {
    const present = this.store.peek(slot, message[at + 3] as string)
    if (!present || present.seq < (message[at + 2] as number))
      this.store.put(readEntry(message, at, slot, now))
  }

  /** A slot's writes come without gaps: anything else means that copies have parted, and must not go unnoticed. */
  #advance(slot: number, seq: number): void {
    const last = this.slots.seq[slot]!
    if (seq !== last + 1) throw new Error(`slot ${slot}: write ${seq} came after ${last}`)
    this.slots.seq[slot] = seq
  }
}

const EMPTY: readonly number[] = Object.freeze([])

function readEntry(message: Message, at: number, slot: number, now: number): Entry {
  const [seq, key, value, kind, ttlMs] = [
    message[at + 2],
    message[at + 3],
    message[at + 4],
    message[at + 5],
    message[at + 6],
  ]
  if (
    typeof key !== 'string' ||
    typeof seq !== 'number' ||
    typeof kind !== 'number' ||
    typeof ttlMs !== 'number'
  )
    throw new IcfError('PROTOCOL', 'malformed entry in a batch')
  return new Entry(key, slot, seq, ownedValue(value), kind, ttlMs === 0 ? 0 : now + ttlMs)
}
