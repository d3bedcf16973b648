import {
  commandArity,
  compareVersions,
  errorToWire,
  IcfError,
  keySlot,
  limits,
  type Message,
} from '@icf/common'
import type { CommandContext } from '../commands/command.js'
import { commands } from '../commands/table.js'
import type { ClientSession } from './client-session.js'
import type { Entry } from './entry.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import { WaitingRooms, type Deferred } from './waiting-rooms.js'
import type { Writer } from './writer.js'

/** Rooms beside those of the parked slots, which are named by their number. */
const AWAITING_TOPOLOGY = 'topology'
const AWAITING_LEASE = 'lease'

/** Takes clients' frames apart and runs each command, or lets it wait, or says who owns the key. */
export class CommandRunner implements CommandContext {
  now = 0
  /** Monotonic ms until which this server may answer. */
  leaseUntil = -Infinity
  commandsRun = 0
  readonly maxValueBytes: number
  readonly #rooms = new WaitingRooms()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    readonly writer: Writer,
  ) {
    // More than half of the memory would drive out everything else, and itself.
    this.maxValueBytes = Math.min(limits.maxValueBytes, Math.floor(store.maxBytes / 2))
  }

  /**
   * A COMMANDS frame.
   * @throws IcfError PROTOCOL when it can not be taken apart: the ids of its commands are unknown then
   */
  runFrame(client: ClientSession, message: Message, now: number): void {
    this.now = now
    let id = message[3] as number
    if (!Number.isSafeInteger(id) || id < 0) throw new IcfError('PROTOCOL', 'COMMANDS without a first id')
    for (let at = 4; at < message.length; id++) {
      const arity = commandArity[message[at] as number]
      if (arity === undefined || at + arity >= message.length)
        throw new IcfError('PROTOCOL', `unknown or incomplete command ${String(message[at])}`)
      this.#run(client, id, message, at)
      at += arity + 1
    }
  }

  find(key: string): Entry | undefined {
    const entry = this.store.get(key)
    if (entry === undefined || entry.expiresAt === 0 || entry.expiresAt > this.now) return entry
    this.writer.expire(entry)
    return undefined
  }

  /** A slot is no longer parked. */
  releaseSlot(slot: number, now: number): void {
    this.#runAgain(slot, now)
  }

  topologyChanged(now: number): void {
    this.#runAgain(AWAITING_TOPOLOGY, now)
  }

  leaseRenewed(until: number, now: number): void {
    if (until <= this.leaseUntil) return
    this.leaseUntil = until
    if (now < until) this.#runAgain(AWAITING_LEASE, now)
  }

  /** Tells a client that it has to ask elsewhere. */
  notOwner(): unknown {
    return this.#errorResult(new IcfError('NOT_OWNER', 'another server owns this slot'))
  }

  #run(client: ClientSession, id: number, message: Message, at: number): void {
    this.commandsRun++
    try {
      const key = checkKey(message[at + 1])
      const slot = keySlot(key)
      if (this.now >= this.leaseUntil) return this.#defer(AWAITING_LEASE, client, id, message, at)
      const serving = this.slots.serving[slot]
      if (serving === Serving.YES) commands[message[at] as number]!(this, client, id, slot, message, at + 1)
      else if (serving === Serving.PARKED) this.#defer(slot, client, id, message, at)
      else if (this.#isAhead(message)) this.#defer(AWAITING_TOPOLOGY, client, id, message, at)
      else client.reply(id, this.notOwner())
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      client.reply(id, this.#errorResult(error))
    }
  }

  #isAhead(message: Message): boolean {
    const { epoch, version } = this.slots.topology
    return compareVersions(Number(message[1]), Number(message[2]), epoch, version) > 0
  }

  #defer(room: string | number, client: ClientSession, id: number, message: Message, at: number): void {
    if (!this.#rooms.add(room, { client, id, message, at }))
      throw new IcfError('BUSY', 'too many commands wait for a slot that is moving')
  }

  #runAgain(room: string | number, now: number): void {
    this.now = now
    for (const { client, id, message, at } of this.#rooms.take(room) satisfies Deferred[])
      this.#run(client, id, message, at)
  }

  #errorResult(error: IcfError): unknown[] {
    const { epoch, version } = this.slots.topology
    return [-1, errorToWire(error.code), error.message, epoch, version]
  }
}

function checkKey(key: unknown): string {
  if (typeof key !== 'string') throw new IcfError('INVALID_KEY', 'a key must be text')
  const { length } = key
  if (length === 0) throw new IcfError('INVALID_KEY', 'a key must not be empty')
  // One UTF-16 unit is at most three bytes of UTF-8: only long keys need counting.
  if (length > limits.maxKeyBytes / 3 && Buffer.byteLength(key) > limits.maxKeyBytes)
    throw new IcfError('INVALID_KEY', `the longest key is ${limits.maxKeyBytes} bytes of UTF-8`)
  return key
}
