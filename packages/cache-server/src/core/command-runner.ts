import {
  commandArity,
  COMMANDS_AT,
  compareVersions,
  errorResult,
  IcfError,
  isCount,
  isWrite,
  keySlot,
  limits,
  malformed,
  readCommandsHeader,
  REPEAT,
  type Message,
} from '@icf/common'
import type { CommandContext } from '../commands/command.js'
import { commands } from '../commands/table.js'
import type { ClientSession } from './client-session.js'
import type { Entry } from './entry.js'
import type { SuspendedFrame } from './frame-queue.js'
import type { Lease } from './lease.js'
import { ownedValue } from './owned-value.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import { WaitingRooms } from './waiting-rooms.js'
import type { WriteLedger } from './write-ledger.js'
import type { Writer } from './writer.js'

/** Rooms beside those of the parked slots, which are named by their number. */
const AWAITING_TOPOLOGY = 'topology'
const AWAITING_LEASE = 'lease'

/** What commands that wait may take, as a share of the budget. */
const WAITING_SHARE = 1 / 8

/** Commands of a frame, or of a backlog, that are run in one turn of the event loop: a few milliseconds. */
const BACKLOG_SLICE = 2000
/** To decode a frame of so many fields takes a slice's part of the turn already. */
const LARGE_FRAME_FIELDS = 32_768
/** Of one client in a row. */
const BACKLOG_PORTION = 500
/** Values and answers of so many bytes are as much work as a command. */
const COMMAND_WORTH_BYTES = 1024

/** Takes clients' frames apart and runs each command, or lets it wait, or says who owns the key. */
export class CommandRunner implements CommandContext {
  now = 0
  writeNumber = 0
  commandsRun = 0
  readonly maxValueBytes: number
  readonly #rooms: WaitingRooms
  /** Clients of which suspended commands can be run. */
  readonly #backlog = new Set<ClientSession>()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    readonly writer: Writer,
    readonly ledger: WriteLedger,
    private readonly lease: Lease,
  ) {
    // More than half of the memory would drive out everything else, and itself.
    this.maxValueBytes = Math.min(limits.maxValueBytes, Math.floor(store.maxBytes / 2))
    this.#rooms = new WaitingRooms(store.maxBytes * WAITING_SHARE)
  }

  /**
   * A COMMANDS frame.
   * @throws IcfError PROTOCOL when it can not be taken apart: the ids of its commands are unknown then
   */
  runFrame(client: ClientSession, message: Message, now: number): void {
    this.now = now
    const { firstId, nextNumber, settledBelow } = readCommandsHeader(message)
    client.origin = client.clientId === '' ? undefined : this.store.history.origin(client.clientId, now)
    client.origin?.settle(settledBelow)
    const frame = { message, at: COMMANDS_AT, id: firstId, nextNumber }
    if (client.isFull || client.suspended.length > 0) client.suspend(frame)
    else {
      this.#runFrom(client, frame, message.length < LARGE_FRAME_FIELDS ? BACKLOG_SLICE : 0)
      if (client.suspended.length > 0 && !client.isFull) this.#backlog.add(client)
    }
  }

  /**
   * The client has taken some of its answers: what it sent goes on in its turn, by `runBacklog`.
   * @throws IcfError PROTOCOL
   */
  resume(client: ClientSession): void {
    if (client.refusal) throw client.refusal
    if (client.makeRoom() && client.suspended.length > 0) this.#backlog.add(client)
  }

  /** Runs some of what waited and need not any more. True when more is left. */
  runBacklog(now: number): boolean {
    this.now = now
    for (let left = BACKLOG_SLICE; left > 0 && this.#backlog.size > 0;) {
      const client = this.#backlog.values().next().value!
      this.#backlog.delete(client)
      if (client.closed || !client.makeRoom()) continue
      left -= this.#runPortion(client, Math.min(left, BACKLOG_PORTION))
    }
    return this.#backlog.size > 0
  }

  /** @returns how much work that was, in commands */
  #runPortion(client: ClientSession, count: number): number {
    try {
      const work = this.#runSuspended(client, count)
      if (client.suspended.length === 0) client.goOn()
      else if (!client.isFull) this.#backlog.add(client)
      return work
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      client.refusal = error
      client.goOn()
      return count
    }
  }

  /** Runs up to `count` suspended commands, fewer when they are much work; returns how much. */
  #runSuspended(client: ClientSession, count: number): number {
    let work = 0
    while (work < count && !client.isFull && client.suspended.length > 0)
      work += this.#runFrom(client, client.suspended.shift()!, count - work)
    return work
  }

  /** Runs up to `count` commands, fewer when they are much work, and suspends the rest; returns how much it was. */
  #runFrom(client: ClientSession, frame: SuspendedFrame, count: number): number {
    const { message } = frame
    let { at, id, nextNumber } = frame
    const before = this.#bytesOf(client)
    const workOf = (): number => id - frame.id + (this.#bytesOf(client) - before) / COMMAND_WORTH_BYTES
    for (; at < message.length; id++) {
      if (client.isFull || workOf() >= count) {
        client.suspended.prepend([{ message, at, id, nextNumber }])
        break
      }
      const isRepeat = message[at] === REPEAT
      const repeated = isRepeat ? checkRepeated(message[at + 1]) : 0
      if (isRepeat) at += 2
      const code = message[at]
      const arity = typeof code === 'number' ? commandArity[code] : undefined
      if (arity === undefined || at + arity >= message.length)
        throw noCommand(code, arity, message.length - at - 1)
      if (id - (message[3] as number) >= limits.maxCommandsPerFrame)
        throw new IcfError('PROTOCOL', `COMMANDS with more than ${limits.maxCommandsPerFrame} commands`)
      const number = isRepeat ? repeated : isWrite(code as number) ? nextNumber++ : 0
      this.#run(client, id, message, at, number, isRepeat)
      at += arity + 1
    }
    return workOf()
  }

  /** Of values and answers so far. */
  #bytesOf(client: ClientSession): number {
    return client.answeredBytes + this.writer.writtenBytes
  }

  find(key: string): Entry | undefined {
    const entry = this.store.get(key)
    if (entry === undefined || entry.expiresAt === 0 || entry.expiresAt > this.now) return entry
    this.writer.expire(entry)
    return undefined
  }

  /** A slot is no longer parked. */
  releaseSlot(slot: number): void {
    this.#runAgain(slot)
  }

  topologyChanged(): void {
    this.#runAgain(AWAITING_TOPOLOGY)
  }

  /** The lease ends later than before. */
  leaseRenewed(now: number): void {
    if (now < this.lease.until) this.#runAgain(AWAITING_LEASE)
  }

  /** Tells a client that it has to ask elsewhere, and that nothing was done here. */
  notOwner(): unknown {
    return this.#errorResult(new IcfError('NOT_OWNER', 'another server owns this slot'))
  }

  /** Tells who waited for a write of a slot that has another primary now: there it may or may not be. */
  ownerChanged(): unknown {
    const message = 'the slot went to another server before the write was on every copy'
    return this.#errorResult(new IcfError('OWNER_CHANGED', message))
  }

  #run(
    client: ClientSession,
    id: number,
    message: Message,
    at: number,
    number: number,
    isRepeat: boolean,
  ): void {
    this.commandsRun++
    try {
      const key = checkKey(message[at + 1])
      const slot = keySlot(key, this.slots.count)
      const room = this.#roomFor(slot, message)
      if (room !== undefined) {
        const own = ownMessage(message, at, isRepeat ? [REPEAT, number] : [])
        if (!this.#rooms.add(room, { client, id, message: own, at: COMMANDS_AT, nextNumber: number }))
          throw new IcfError('BUSY', 'too many commands wait for a slot that is moving')
      } else if (
        this.slots.serving[slot] === Serving.NO ||
        this.#isStale(slot, message) ||
        (isRepeat && hasEnded(client, message, number))
      )
        client.reply(id, this.notOwner())
      else if (isRepeat && this.store.history.has(slot, client.origin, number))
        this.writer.confirm(client, id, slot, key)
      else {
        this.writeNumber = number
        commands[message[at] as number]!(this, client, id, slot, message, at + 1)
      }
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      client.reply(id, this.#errorResult(error))
    }
  }

  #isAhead(message: Message): boolean {
    const { epoch, version } = this.slots.topology
    return compareVersions(message[1] as number, message[2] as number, epoch, version) > 0
  }

  /**
   * The client sent this before we became the slot's primary: it can have been on its way for long, and its sender have
   * repeated it, and written again, elsewhere since.
   */
  #isStale(slot: number, message: Message): boolean {
    return (message[2] as number) < this.slots.primarySince[slot]!
  }

  /** Where a command for this slot has to wait, if it has to. */
  #roomFor(slot: number, message: Message): string | number | undefined {
    if (this.now >= this.lease.until) return AWAITING_LEASE
    const serving = this.slots.serving[slot]
    if (serving === Serving.YES) return undefined
    if (serving === Serving.PARKED) return slot
    return this.#isAhead(message) ? AWAITING_TOPOLOGY : undefined
  }

  /** What waited there comes before what its clients sent later. It is run in slices, by `runBacklog`. */
  #runAgain(room: string | number): void {
    const frames = new Map<ClientSession, SuspendedFrame[]>()
    for (const deferred of this.#rooms.take(room)) {
      const present = frames.get(deferred.client)
      if (present) present.push(deferred)
      else frames.set(deferred.client, [deferred])
    }
    for (const [client, suspended] of frames) {
      client.suspended.prepend(suspended)
      this.#backlog.add(client)
    }
  }

  /** Names a version that the client gets, too: what else is newer here is not sent to clients. */
  #errorResult(error: IcfError): readonly unknown[] {
    return errorResult(error, this.slots.news)
  }
}

/**
 * Whether a repetition waited here until its caller had given up: the write's number, which keeps it from being carried out
 * again, is forgotten then. (A number that was settled before it was sent, its client has given up, but no caller.)
 */
function hasEnded({ origin }: ClientSession, message: Message, number: number): boolean {
  return origin !== undefined && number < origin.settledBelow && number >= (message[5] as number)
}

/** The message with this command alone: a command that waits must not keep the rest of its frame. */
function ownMessage(message: Message, at: number, repeat: readonly unknown[]): Message {
  const own = message.slice(0, COMMANDS_AT).concat(repeat)
  const key = own.length + 1
  for (let field = at; field <= at + commandArity[message[at] as number]!; field++) own.push(message[field])
  const value = own[key + 1]
  if (value instanceof Uint8Array) own[key + 1] = ownedValue(value)
  return own
}

function noCommand(code: unknown, arity: number | undefined, fields: number): IcfError {
  return arity === undefined
    ? malformed('code of a command in COMMANDS', `a number from 0 to ${commandArity.length - 1}`, code)
    : new IcfError(
        'PROTOCOL',
        `command ${String(code)} in COMMANDS must have ${arity} arguments, got ${fields}`,
      )
}

function checkRepeated(number: unknown): number {
  if (!isCount(number)) throw malformed('number of a write after REPEAT', 'a whole number from 0 on', number)
  return number
}

function checkKey(key: unknown): string {
  if (typeof key !== 'string') throw new IcfError('INVALID_KEY', 'a key must be text')
  const { length } = key
  if (length === 0) throw new IcfError('INVALID_KEY', 'a key must not be empty')
  // One UTF-16 unit is one to three bytes of UTF-8: few keys need counting.
  if (
    length > limits.maxKeyBytes ||
    (length > limits.maxKeyBytes / 3 && Buffer.byteLength(key) > limits.maxKeyBytes)
  )
    throw new IcfError('INVALID_KEY', `the longest key is ${limits.maxKeyBytes} bytes of UTF-8`)
  return key
}
