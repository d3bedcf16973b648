import type { ClientSession } from './client-session.js'
import type { ReplicaChannel } from './replica-channel.js'
import type { SlotTable } from './slot-table.js'
import type { Deferred } from './waiting-rooms.js'

/** What a command without a long value counts for beside its bytes. */
const COMMAND_BYTES = 500

/** A SET whose value goes ahead. */
export interface LongWrite {
  readonly client: ClientSession
  readonly slot: number
  readonly key: string
  readonly value: Uint8Array
  /** Answered before the copies have it: it does not wait for one that there is no link to. */
  readonly ackPrimary: boolean
  /** First the SET, then what its client wants of the same key after it. */
  readonly commands: Deferred[]
  /** Where its value goes, or has gone. */
  channels: readonly ReplicaChannel[]
  bytes: number
}

/**
 * SETs that are not run yet, since it takes long to bring their values to the copies of their slots: those go ahead, and nobody
 * waits for them but who wants the same key on the same connection. Once a value is there, the write is like a short one.
 */
export class LongWrites {
  readonly #writes = new Set<LongWrite>()
  readonly #byClient = new Map<ClientSession, Map<string, LongWrite>>()
  #bytes = 0

  /** @param changed told when the bytes that wait have changed */
  constructor(
    private readonly slots: SlotTable,
    private readonly changed: () => void,
  ) {}

  /** Of all values that go ahead, and of the commands behind them. */
  get bytes(): number {
    return this.#bytes
  }

  has(client: ClientSession): boolean {
    return this.#byClient.has(client)
  }

  /** The write that a command of this client for this key has to wait for. */
  find(client: ClientSession, key: string): LongWrite | undefined {
    return this.#byClient.size === 0 ? undefined : this.#byClient.get(client)?.get(key)
  }

  /** Whether a write of this value holds nobody up. */
  isThere(slot: number, value: Uint8Array, ackPrimary: boolean): boolean {
    return copiesOf(this.slots, slot).every(
      (copy) => copy.hasAhead(value) || (ackPrimary && copy.port === undefined),
    )
  }

  /** There is none of this client for this key yet. */
  begin(slot: number, key: string, value: Uint8Array, ackPrimary: boolean, set: Deferred): LongWrite {
    const { client } = set
    const write: LongWrite = { client, slot, key, value, ackPrimary, commands: [], channels: [], bytes: 0 }
    this.#writes.add(write)
    const present = this.#byClient.get(client)
    if (present) present.set(key, write)
    else this.#byClient.set(client, new Map([[key, write]]))
    this.add(write, set)
    this.#sendAhead(write)
    return write
  }

  /** One more command waits for the write. */
  add(write: LongWrite, command: Deferred): void {
    write.commands.push(command)
    const { frame } = command
    this.#count(write, frame.ahead?.length ?? COMMAND_BYTES + frame.bytes.length)
  }

  /** Copies come and go: values go ahead to those that the slots have now. */
  topologyChanged(): void {
    for (const write of this.#writes) {
      const copies = copiesOf(this.slots, write.slot)
      const { channels } = write
      if (copies.length === channels.length && copies.every((copy) => channels.includes(copy))) continue
      // Anew to all of them, and so in the same order on each: else two could wait for each other.
      this.withdraw(write)
      this.#sendAhead(write)
    }
  }

  /** Takes out the writes that need not wait any more. @param isOver nobody wants it any more */
  takeReady(isOver: (write: LongWrite) => boolean): LongWrite[] {
    if (this.#writes.size === 0) return []
    const ready = [...this.#writes].filter(
      (write) => this.isThere(write.slot, write.value, write.ackPrimary) || isOver(write),
    )
    for (const write of ready) this.#takeOut(write)
    return ready
  }

  /** Where nothing has named the value by now, nothing will. */
  withdraw({ channels, value }: LongWrite): void {
    for (const channel of channels) channel.withdraw(value)
  }

  #sendAhead(write: LongWrite): void {
    write.channels = copiesOf(this.slots, write.slot)
    for (const channel of write.channels) channel.sendAhead(write.value)
  }

  #takeOut(write: LongWrite): void {
    const { client, key } = write
    this.#writes.delete(write)
    const ofClient = this.#byClient.get(client)!
    ofClient.delete(key)
    if (ofClient.size === 0) this.#byClient.delete(client)
    this.#count(write, -write.bytes)
  }

  #count(write: LongWrite, bytes: number): void {
    write.bytes += bytes
    this.#bytes += bytes
    this.changed()
  }
}

function copiesOf({ backup, copy }: SlotTable, slot: number): ReplicaChannel[] {
  return [backup[slot], copy[slot]].filter((channel) => channel !== undefined)
}
