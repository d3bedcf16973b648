import {
  CommandCode,
  compareVersions,
  errorResult,
  FrameReader,
  IcfError,
  isTextKey,
  isWrite,
  keySlot,
  limits,
  readCommand,
  readCommandsHeader,
  WireCommand,
  type Clock,
  type CommandsHeader,
  type ErrorResult,
  type Key,
} from '@icf/common'
import type { CommandContext } from '../commands/command.js'
import { commands } from '../commands/table.js'
import type { ClientSession } from './client-session.js'
import type { SuspendedFrame } from './frame-queue.js'
import type { Lease } from './lease.js'
import { LongWrites, type LongWrite } from './long-writes.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import { ownBytes } from './stored-value.js'
import { WaitingRooms, type Deferred } from './waiting-rooms.js'
import type { WriteLedger } from './write-ledger.js'
import type { Writer } from './writer.js'

/** Rooms beside those of the parked slots, which are named by their number. */
const AWAITING_TOPOLOGY = 'topology'
const AWAITING_LEASE = 'lease'
/** A server that a copy is on has yet to say whether it takes keys of any bytes. */
const AWAITING_PEER = 'peer'

const NO_TEXT = 'a key must be UTF-8 while its slot has a copy on a server of an earlier release'

/** What commands that wait may take, as a share of the budget. */
const WAITING_SHARE = 1 / 8

/** Commands of a frame, or of a backlog, that are run in one turn of the event loop: a millisecond or two. */
const SLICE = 1000
/** Nor do they take longer than this, in ms: until V8 has compiled what they run, each takes more than ten times as long. */
const SLICE_MS = 4
/** After so many of them the clock is looked at. */
const LOOK_EVERY = 32
/** Of one client in a row. */
const BACKLOG_PORTION = 250
/** Values and answers of so many bytes are as much work as a command. */
const COMMAND_WORTH_BYTES = 1024
/** Of all frames that come in a turn; and what one of them may take of that which is left, so that others find something, too. */
const FRAMES_SLICE = 1.5 * SLICE
const FRAME_SHARE = 2 / 3

/** Takes clients' frames apart and runs each command, or lets it wait, or says who owns the key. */
export class CommandRunner implements CommandContext {
  now = 0
  writeNumber = 0
  commandsRun = 0
  readonly maxValueBytes: number
  readonly longWrites: LongWrites
  readonly #rooms: WaitingRooms
  /** The one at hand. */
  readonly #command = new WireCommand()
  /** Clients of which suspended commands can be run. */
  readonly #backlog = new Set<ClientSession>()
  /** Of what comes in this turn, so much more work is done at once. */
  #leftForFrames = FRAMES_SLICE
  /** When what is run now has taken its time. */
  #until = 0

  constructor(
    private readonly clock: Clock,
    private readonly slots: SlotTable,
    readonly store: Store,
    readonly writer: Writer,
    readonly ledger: WriteLedger,
    private readonly lease: Lease,
    /** Told when the bytes of `longWrites` have changed. */
    longWritesChanged: () => void = () => undefined,
  ) {
    this.longWrites = new LongWrites(slots, longWritesChanged)
    // More than half of the memory would drive out everything else, and itself.
    this.maxValueBytes = Math.min(limits.maxValueBytes, Math.floor(store.maxBytes / 2))
    this.#rooms = new WaitingRooms(store.maxBytes * WAITING_SHARE)
  }

  /**
   * A COMMANDS frame.
   * @throws IcfError PROTOCOL when it can not be taken apart: the ids of its commands are unknown then
   */
  runFrame(client: ClientSession, frame: FrameReader, now: number): void {
    this.now = now
    const header = readCommandsHeader(frame)
    client.origin = client.clientId === '' ? undefined : this.store.history.origin(client.clientId, now)
    client.origin?.settle(header.settledBelow)
    const whole = { header, frame, id: header.firstId, nextNumber: header.nextNumber }
    if (client.isFull || client.suspended.length > 0) return client.suspend(whole)
    if (this.#leftForFrames === FRAMES_SLICE) this.#until = now + SLICE_MS
    const most = Math.floor(this.#leftForFrames * FRAME_SHARE)
    if (most > 0 && now < this.#until) this.#leftForFrames -= this.#runFrom(client, whole, most)
    else client.suspend(whole)
    if (client.suspended.length > 0 && !client.isFull) this.#backlog.add(client)
  }

  /**
   * The client has taken some of its answers: what it sent goes on in its turn, by `runBacklog`.
   * @throws IcfError PROTOCOL
   */
  resume(client: ClientSession): void {
    if (client.refusal) throw client.refusal
    if (client.makeRoom() && client.suspended.length > 0) this.#backlog.add(client)
  }

  /** The client is gone. */
  leave(client: ClientSession): void {
    client.closed = true
    this.#rooms.leave(client)
  }

  /** Runs the long writes that need not wait any more: at once, since the copies keep their values until they are named. */
  runLongWrites(now: number): void {
    this.now = now
    for (const write of this.longWrites.takeReady(isOver)) {
      if (!write.client.closed) this.#runLongWrite(write)
      this.longWrites.withdraw(write)
    }
  }

  #runLongWrite(write: LongWrite): void {
    const { client, key } = write
    const [set, ...others] = write.commands as [Deferred, ...Deferred[]]
    if (hasEnded(client, set.header, set.nextNumber)) client.reply(set.id, this.notOwner())
    else this.#runDeferred(set)
    // Also when it waits again: for the copies that the slot has now.
    const next = this.longWrites.find(client, key)
    if (next) for (const command of others) this.longWrites.add(next, command)
    else this.#goOnWith(client, others)
  }

  #runDeferred({ client, header, frame, id, nextNumber }: Deferred): void {
    const start = frame.at
    readCommand(frame, this.#command)
    if (!this.#command.isRepeat) this.#command.number = nextNumber
    this.#run(client, id, header, frame, start)
    this.#command.ahead = undefined
  }

  /** What comes from here on comes in another turn. */
  endTurn(): void {
    this.#leftForFrames = FRAMES_SLICE
  }

  /** Whether `runLongWrites` or `runBacklog` may have something to do. */
  get hasMore(): boolean {
    return this.#backlog.size > 0 || this.longWrites.bytes > 0
  }

  /** Once a turn: runs some of what waited and need not any more. True when more is left. */
  runBacklog(now: number): boolean {
    this.now = now
    if (this.#backlog.size === 0) return false
    this.#until = this.clock.now() + SLICE_MS
    for (let left = SLICE; left > 0 && this.#backlog.size > 0;) {
      const client = this.#backlog.values().next().value!
      this.#backlog.delete(client)
      if (client.closed || !client.makeRoom()) continue
      left -= this.#runPortion(client, Math.min(left, BACKLOG_PORTION))
      if (this.#isTimeOver()) break
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
    while (work < count && !client.isFull && client.suspended.length > 0) {
      work += this.#runFrom(client, client.suspended.shift()!, count - work)
      if (this.#isTimeOver()) break
    }
    return work
  }

  /** Runs up to `count` commands, fewer when they are much work, and suspends the rest; returns how much it was. */
  #runFrom(client: ClientSession, suspended: SuspendedFrame, count: number): number {
    const { header, frame } = suspended
    let { id, nextNumber } = suspended
    const command = this.#command
    const before = this.#workUntil(client, id)
    for (let lookAt = LOOK_EVERY; !frame.isAtEnd; id++) {
      const work = this.#workUntil(client, id) - before
      const isToLook = work >= lookAt
      if (client.isFull || work >= count || (isToLook && this.#isTimeOver())) {
        client.suspended.prepend([{ header, frame, id, nextNumber }])
        break
      }
      if (isToLook) lookAt = work + LOOK_EVERY
      if (id - header.firstId >= limits.maxCommandsPerFrame)
        throw new IcfError('PROTOCOL', `COMMANDS with more than ${limits.maxCommandsPerFrame} commands`)
      const start = frame.at
      readCommand(frame, command)
      if (!command.isRepeat) command.number = isWrite(command.code) ? nextNumber++ : 0
      this.#run(client, id, header, frame, start)
    }
    command.ahead = undefined
    return this.#workUntil(client, id) - before
  }

  #isTimeOver(): boolean {
    return this.clock.now() >= this.#until
  }

  /** In commands, from some beginning on: those before this id, and the values and answers so far. */
  #workUntil(client: ClientSession, id: number): number {
    return id + (client.answeredBytes + this.writer.writtenBytes) / COMMAND_WORTH_BYTES
  }

  find(slot: number, key: string): number {
    const handle = this.store.use(slot, key)
    if (handle === 0) return 0
    const expiresAt = this.store.records.expiresAt(handle)
    if (expiresAt === 0 || expiresAt > this.now) return handle
    this.writer.expire(slot, key)
    return 0
  }

  /** A slot is no longer parked. */
  releaseSlot(slot: number): void {
    this.#runAgain(slot)
  }

  topologyChanged(): void {
    this.longWrites.topologyChanged()
    this.#runAgain(AWAITING_TOPOLOGY)
    this.#runAgain(AWAITING_PEER)
  }

  /** A server that copies are on said which keys it takes. */
  peerConnected(): void {
    this.#runAgain(AWAITING_PEER)
  }

  /** The lease ends later than before. */
  leaseRenewed(now: number): void {
    if (now < this.lease.until) this.#runAgain(AWAITING_LEASE)
  }

  /** Tells a client that it has to ask elsewhere, and that nothing was done here. */
  notOwner(): ErrorResult {
    return this.#errorResult(new IcfError('NOT_OWNER', 'another server owns this slot'))
  }

  /** Tells who waited for a write of a slot that has another primary now: there it may or may not be. */
  ownerChanged(): ErrorResult {
    const message = 'the slot went to another server before the write was on every copy'
    return this.#errorResult(new IcfError('OWNER_CHANGED', message))
  }

  /** Runs the command at hand. @param start where it begins in the frame */
  #run(client: ClientSession, id: number, header: CommandsHeader, frame: FrameReader, start: number): void {
    this.commandsRun++
    const command = this.#command
    const { number, isRepeat } = command
    try {
      const key = readKey(frame, command)
      const slot = keySlot(key, this.slots.count)
      const before = this.longWrites.find(client, key)
      if (before) return this.longWrites.add(before, this.#deferred(client, id, header, frame, start))
      const room = this.#roomFor(slot, key, header)
      if (room !== undefined) {
        if (!this.#rooms.add(room, this.#deferred(client, id, header, frame, start)))
          throw new IcfError('BUSY', 'too many commands wait for a slot that is moving')
      } else if (
        this.slots.serving[slot] === Serving.NO ||
        this.#isStale(slot, header) ||
        (isRepeat && hasEnded(client, header, number))
      )
        client.reply(id, this.notOwner())
      else if (isRepeat && this.store.history.has(slot, client.origin, number))
        this.writer.confirm(client, id, slot, key)
      else if (command.code === CommandCode.SET && !this.slots.takesAnyKey(slot) && !isTextKey(key))
        throw new IcfError('INVALID_KEY', NO_TEXT)
      else if (this.#hasToGoAhead(slot))
        this.longWrites.begin(
          slot,
          key,
          command.ahead!,
          command.ackPrimary,
          this.#deferred(client, id, header, frame, start),
        )
      else {
        this.writeNumber = number
        commands[command.code]!(this, client, id, slot, key, command, frame)
      }
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      client.reply(id, this.#errorResult(error))
    }
  }

  /** The command at hand, so that it can wait. */
  #deferred(
    client: ClientSession,
    id: number,
    header: CommandsHeader,
    frame: FrameReader,
    start: number,
  ): Deferred {
    const { number } = this.#command
    return { client, id, header, frame: ownFrame(frame, start, this.#command), nextNumber: number }
  }

  /** Whether the command at hand stores a long value that is not there yet on all copies. */
  #hasToGoAhead(slot: number): boolean {
    const { code, ahead, ackPrimary } = this.#command
    if (code !== CommandCode.SET || ahead === undefined || ahead.length <= limits.chunkBytes) return false
    return ahead.length <= this.maxValueBytes && !this.longWrites.isThere(slot, ahead, ackPrimary)
  }

  #isAhead(by: CommandsHeader): boolean {
    const { epoch, version } = this.slots.topology
    return compareVersions(by.epoch, by.version, epoch, version) > 0
  }

  /**
   * The client sent this before we became the slot's primary: it can have been on its way for long, and its sender have
   * repeated it, and written again, elsewhere since.
   */
  #isStale(slot: number, { version }: CommandsHeader): boolean {
    return version < this.slots.primarySince[slot]!
  }

  /** Where a command for this slot has to wait, if it has to. */
  #roomFor(slot: number, key: Key, header: CommandsHeader): string | number | undefined {
    if (this.now >= this.lease.until) return AWAITING_LEASE
    const serving = this.slots.serving[slot]
    if (serving === Serving.YES)
      return this.slots.takesAnyKey(slot) !== undefined || isTextKey(key) ? undefined : AWAITING_PEER
    if (serving === Serving.PARKED) return slot
    return this.#isAhead(header) ? AWAITING_TOPOLOGY : undefined
  }

  /** What waited there comes before what its clients sent later. It is run in slices, by `runBacklog`. */
  #runAgain(room: string | number): void {
    for (const [client, commands] of this.#rooms.take(room)) this.#goOnWith(client, commands)
  }

  /** Before what the client sent later. */
  #goOnWith(client: ClientSession, commands: readonly SuspendedFrame[]): void {
    if (commands.length === 0) return
    client.suspended.prepend(commands)
    this.#backlog.add(client)
  }

  /** Names a version that the client gets, too: what else is newer here is not sent to clients. */
  #errorResult(error: IcfError): ErrorResult {
    return errorResult(error, this.slots.news)
  }
}

/** Whether nobody wants it any more. */
function isOver({ client, commands }: LongWrite): boolean {
  const { header, nextNumber } = commands[0]!
  return client.closed || hasEnded(client, header, nextNumber)
}

/**
 * Whether a write waited here until its caller had given up: the write's number, which keeps it from being carried out
 * again, is forgotten then. (A number that was settled before it was sent, its client has given up, but no caller.)
 */
function hasEnded({ origin }: ClientSession, header: CommandsHeader, number: number): boolean {
  return origin !== undefined && number < origin.settledBelow && number >= header.settledBelow
}

/** A frame with this command alone, which was read from `start` on: a command that waits must not keep the rest of its frame. */
function ownFrame({ type, bytes, at }: FrameReader, start: number, { ahead }: WireCommand): FrameReader {
  return new FrameReader(type, ownBytes(bytes.subarray(start, at)), 0, ahead)
}

function readKey(frame: FrameReader, { keyAt, keyBytes }: WireCommand): Key {
  if (keyBytes === 0) throw new IcfError('INVALID_KEY', 'a key must not be empty')
  if (keyBytes > limits.maxKeyBytes)
    throw new IcfError('INVALID_KEY', `the longest key is ${limits.maxKeyBytes} bytes`)
  return frame.binaryAt(keyAt, keyBytes)
}
