import {
  beginCommands,
  CommandCode,
  FrameWriter,
  isWrite,
  limits,
  nameAhead,
  writeCommand,
  writeRepeat,
  writeSet,
  type ServerInfo,
} from '@icf/common'
import { CallState, type PendingCall } from './call.js'
import { FramePace } from './frame-pace.js'
import { InFlight } from './in-flight.js'
import type { WriteNumbers } from './write-numbers.js'

/** What a peer needs of a connection. */
export interface PeerLink {
  readonly unsentBytes: number
  /** It must not change until it is sent. */
  sendData(frame: Buffer): void
  /** Asks for a sign of life. */
  ping(): void
  /** `ready` gets the id by which a frame names the value. */
  stage(bytes: Uint8Array, ready: (staged: { readonly id: number }) => void): void
}

/** The topology by which calls are routed; one object, shared by all peers of a router and kept current by it. */
export interface Stamp {
  epoch: number
  version: number
}

/** A link reports that it drained only after it was above this; its own frame headers make the difference. */
const BLOCKED_BYTES = limits.linkHighWaterBytes + 64

/**
 * A server that stores and replicates a large value no faster than this is not taken for silent: to send the value once more
 * over such a link takes longest of all.
 */
const LARGE_BYTES_PER_MS = 2_000

/** A queue shorter than this is not looked through for calls that were given up. */
const MIN_COMPACT = 4096

const TOMBSTONE_STATE = { state: CallState.SETTLED }

/** One cache server as the client sees it: what waits to be sent to it, and what it has not answered yet. */
export class Peer {
  link: PeerLink | undefined
  /** The shell was told to open a link, and to keep it open. */
  wanted = false
  flushRequested = false
  /** Why there is no link, as far as it is known. */
  problem: string | undefined
  /** The link has taken as much as it should; a flush waits until it drains. */
  blocked = false
  /** Slots with calls in flight here moved to another server at this moment. */
  movedAtMs: number | undefined

  readonly #writer = new FrameWriter()
  #inFlight = new InFlight()
  #queue: PendingCall[] = []
  #compactAt = MIN_COMPACT
  /** The queue before this place was sent already. */
  #head = 0
  /** Calls whose value is sent ahead in chunks, one after the other: a link that stands still holds no more than one. */
  #large: PendingCall[] = []
  #staging: PendingCall | undefined
  /** When the server was heard of last, or had nothing to answer; undefined: counts from the next look. */
  #waitingSinceMs: number | undefined
  /** It was asked whether it is there, and nothing came since. */
  #isAsked = false
  /** Large values in flight: their answers may take longer. */
  #largeBytes = 0
  readonly #pace = new FramePace()
  readonly #stamp: Stamp
  readonly #numbers: WriteNumbers

  constructor(
    /** As the newest topology describes it. */
    public server: ServerInfo,
    stamp: Stamp,
    numbers: WriteNumbers,
  ) {
    this.#stamp = stamp
    this.#numbers = numbers
  }

  /** True while nothing is under way, neither calls nor a value that goes ahead of its call. */
  get isIdle(): boolean {
    return this.#inFlight.count === 0 && this.#staging === undefined
  }

  /** For tests: how many calls are kept. */
  get queueLength(): number {
    return this.#queue.length
  }

  get hasQueue(): boolean {
    return this.#queue.length > 0 || this.#large.length > 0
  }

  /** For how long the server has owed an answer without giving any; of large values, longer than they should take. */
  silentMs(nowMs: number): number {
    if (this.#inFlight.count === 0) {
      this.#largeBytes = 0
      return 0
    }
    this.#waitingSinceMs ??= nowMs
    return nowMs - this.#waitingSinceMs - this.#largeBytes / LARGE_BYTES_PER_MS
  }

  opened(link: PeerLink): void {
    this.link = link
    this.problem = undefined
    this.blocked = false
    this.movedAtMs = undefined
    this.#isAsked = false
    this.#inFlight = new InFlight()
    this.#pace.release()
  }

  enqueue(call: PendingCall): void {
    call.state = CallState.QUEUED
    call.peer = this
    if (isLarge(call)) this.#large.push(call)
    else {
      if (this.#queue.length >= this.#compactAt) this.#compact()
      this.#queue.push(call)
    }
  }

  /** Calls that were given up stay where they are, until they are many. */
  #compact(): void {
    this.withdraw(() => false)
    this.#compactAt = Math.max(MIN_COMPACT, 2 * this.#queue.length)
  }

  /** Sends what is queued, for as long as the link takes it. */
  flush(nowMs: number): void {
    this.flushRequested = false
    const { link } = this
    if (link === undefined) return
    if (this.#inFlight.count === 0) this.#waitingSinceMs = nowMs
    if (this.#pace.allows(this.#queue.length - this.#head)) this.#sendQueue(link)
    if (this.#large.length > 0 && !this.blocked) this.#stageNext(link)
  }

  /** Also what the first frame has no room for, however little that is. */
  #sendQueue(link: PeerLink): void {
    while (this.#head < this.#queue.length) {
      if (this.#pace.isFull) return
      if (link.unsentBytes > BLOCKED_BYTES) {
        this.blocked = true
        return
      }
      this.#sendFrame(link)
    }
    this.#queue = []
    this.#head = 0
  }

  /** Looks again whether the link takes more; true when there is something to flush. */
  unblock(): boolean {
    if (this.link === undefined || this.link.unsentBytes > BLOCKED_BYTES) return false
    this.blocked = false
    return this.hasQueue
  }

  /** A message of the server arrived: it is not silent. */
  heard(): void {
    this.progressed()
    this.movedAtMs = undefined
    this.#pace.heard()
  }

  /** A piece of a long answer arrived, or that to `ask`: it is not silent. */
  progressed(): void {
    this.#waitingSinceMs = undefined
    this.#isAsked = false
  }

  /** Asks whether it is there, once until it is heard of. @returns whether it asked now */
  ask(): boolean {
    if (this.#isAsked) return false
    this.#isAsked = true
    this.link?.ping()
    return true
  }

  /** Nothing more leaves before the server's next message. */
  get isPaced(): boolean {
    return this.#pace.isFull
  }

  /** What is queued must not wait for the server any longer. */
  unpace(): void {
    this.#pace.release()
  }

  /** The call that a result is for; undefined when nobody waits for it any more. */
  take(id: number): PendingCall | undefined {
    this.#pace.answered(id)
    const call = this.#inFlight.take(id)
    return call?.state === CallState.SENT ? call : undefined
  }

  /** Removes those calls that were not sent yet and pass the test; forgets those that are settled. */
  withdraw(test: (call: PendingCall) => boolean): PendingCall[] {
    const withdrawn: PendingCall[] = []
    const keep = (call: PendingCall): boolean => {
      if (call.state === CallState.SETTLED) return false
      if (!test(call)) return true
      withdrawn.push(call)
      return false
    }
    this.#queue = this.#queue.slice(this.#head).filter(keep)
    this.#head = 0
    this.#large = this.#large.filter(keep)
    return withdrawn
  }

  /** Gives up on the answers of those calls in flight that pass the test. Late ones are ignored. */
  abandon(test: (call: PendingCall) => boolean): PendingCall[] {
    const abandoned: PendingCall[] = []
    this.#inFlight.update((call) => {
      if (call.state === CallState.SETTLED || !test(call)) return call
      call.maybeDone = true
      abandoned.push(call)
      return TOMBSTONE_STATE as PendingCall
    })
    return abandoned
  }

  /** The link is gone: gives back every call, in the order in which they came. */
  reclaim(): PendingCall[] {
    this.link = undefined
    this.blocked = false
    this.movedAtMs = undefined
    const sent = this.#inFlight.drain()
    for (const call of sent) call.maybeDone = true
    const calls = [
      ...sent,
      ...(this.#staging ? [this.#staging] : []),
      ...this.#large,
      ...this.#queue.slice(this.#head),
    ]
    this.#staging = undefined
    this.#large = []
    this.#queue = []
    this.#head = 0
    return calls.filter((call) => call.state !== CallState.SETTLED)
  }

  forEach(visit: (call: PendingCall) => void): void {
    const visitLive = (call: PendingCall): PendingCall => {
      if (call.state !== CallState.SETTLED) visit(call)
      return call
    }
    this.#inFlight.update(visitLive)
    if (this.#staging) visitLive(this.#staging)
    for (let i = this.#head; i < this.#queue.length; i++) visitLive(this.#queue[i]!)
    this.#large.forEach(visitLive)
  }

  #sendFrame(link: PeerLink): void {
    const queue = this.#queue
    const firstId = this.#beginFrame(false)
    let count = 0
    let bytes = 0
    let next = this.#head
    while (next < queue.length && count < limits.maxCommandsPerFrame && bytes < limits.softFrameBytes) {
      const call = queue[next++]!
      if (call.state === CallState.SETTLED) continue
      count++
      bytes += call.bytes
      this.#add(call, call.wire)
    }
    this.#head = next
    const frame = this.#writer.finish()
    if (count === 0) return
    this.#pace.sent(firstId, count)
    link.sendData(frame)
  }

  /** @returns the id of its first call */
  #beginFrame(namesValue: boolean): number {
    const { epoch, version } = this.#stamp
    const { next: nextNumber, settledBelow } = this.#numbers
    const firstId = this.#inFlight.beginFrame()
    beginCommands(this.#writer, { epoch, version, firstId, nextNumber, settledBelow }, namesValue)
    return firstId
  }

  /** @param value of SET; undefined: the one that the frame names */
  #add(call: PendingCall, value: string | Uint8Array | undefined): void {
    const writer = this.#writer
    if (isWrite(call.code)) {
      if (call.writeNumber === 0) call.writeNumber = this.#numbers.take()
      else writeRepeat(writer, call.writeNumber)
    }
    if (call.code === CommandCode.SET)
      writeSet(writer, call.key, value, call.kind, call.ttlMs, call.ackPrimary)
    else writeCommand(writer, call.code, call.key)
    if (call.state !== CallState.SETTLED) call.state = CallState.SENT
    this.#inFlight.add(call)
  }

  #stageNext(link: PeerLink): void {
    if (this.#staging !== undefined) return
    let call = this.#large.shift()
    while (call?.state === CallState.SETTLED) call = this.#large.shift()
    if (call === undefined) return
    const staged = call
    staged.state = CallState.STAGING
    this.#staging = staged
    link.stage(staged.wire as Uint8Array, ({ id }) => {
      if (this.link !== link) return
      this.#staging = undefined
      this.#sendStaged(link, staged, id)
      this.#stageNext(link)
    })
  }

  /** Also when the caller has given up meanwhile: the server keeps the value until a command takes it. */
  #sendStaged(link: PeerLink, call: PendingCall, valueId: number): void {
    if (this.#inFlight.count === 0) this.#waitingSinceMs = undefined
    this.#largeBytes += call.bytes
    this.#beginFrame(true)
    this.#add(call, undefined)
    const frame = this.#writer.finish()
    nameAhead(frame, valueId)
    link.sendData(frame)
  }
}

/** Whether its value is sent ahead. */
function isLarge({ bytes, wire }: PendingCall): boolean {
  return bytes > limits.chunkBytes && typeof wire === 'object' && wire.length > limits.chunkBytes
}
