import { limits, MessageType, ValueKind, type IcfError } from '@icf/common'
import { Entry } from './entry.js'
import { FrameQueue, type SuspendedFrame } from './frame-queue.js'
import type { Origin } from './origin.js'
import type { LinkPort } from './ports.js'

/** What a result, or a field of it, counts for beside its text or bytes: a frame has few enough of them. */
const RESULT_BYTES = 8

/** How a client's link takes what is sent on it. */
export interface ClientFlow {
  readonly unsentBytes: number
  /** The session is full, or has a backlog. */
  filled(): void
  /** Answers have gone, or a long value of one, on a session that was full; or a backlog is done. */
  progressed(): void
}

/** What a simulated link, or one of a test, does. */
const FLOWING: ClientFlow = { unsentBytes: 0, filled: () => undefined, progressed: () => undefined }

/**
 * The answers to one client. They leave together, once a turn; results with consecutive ids share one run, so the
 * usual answer to a batch is one id, one count and the values.
 */
export class ClientSession {
  /** Its link is gone: answers go nowhere, and what it still waits for is not done. */
  closed = false
  /** Whose numbered writes come in; undefined when the client has no id. */
  origin: Origin | undefined
  /** More answers are on their way than it may have at once: none of its commands are run until it has taken some. */
  isFull = false
  readonly suspended = new FrameQueue()
  /** What is wrong with a suspended frame, for which its link is to be refused. */
  refusal: IcfError | undefined
  /** What its answers took in frames so far. */
  answeredBytes = 0
  readonly #port: LinkPort
  readonly #dirty: ClientSession[]
  #out: unknown[] = []
  #runStart = 0
  #nextId = -1
  #bytes = 0
  /** Of long values that are going ahead, or wait for that. */
  #stagedBytes = 0
  /** Of answers that wait for writes. */
  #owedBytes = 0

  /**
   * @param clientId which the client keeps when it connects anew; '' when it has none
   * @param dirty where the session puts itself when it has something to flush
   */
  constructor(
    port: LinkPort,
    readonly clientId: string,
    dirty: ClientSession[],
    private readonly flow: ClientFlow = FLOWING,
  ) {
    this.#port = port
    this.#dirty = dirty
  }

  /** @param result what the wire carries, or the Entry that a GET found */
  reply(id: number, result: unknown): void {
    if (result instanceof Entry) this.#replyEntry(id, result)
    else this.#append(id, result)
  }

  #append(id: number, result: unknown): void {
    const out = this.#out
    if (out.length === 0) {
      out.push(MessageType.RESULTS)
      this.#dirty.push(this)
      this.#nextId = -1
    }
    if (id === this.#nextId) (out[this.#runStart + 1] as number)++
    else {
      this.#runStart = out.length
      out.push(id, 1)
      this.#bytes += 2 * RESULT_BYTES
    }
    out.push(result)
    this.#nextId = id + 1
    this.#count(sizeOf(result))
  }

  #replyEntry(id: number, entry: Entry): void {
    const { value, kind } = entry
    if (typeof value === 'string' || value.length <= limits.chunkBytes)
      return this.#append(id, valueResult(entry))
    this.#stagedBytes += value.length
    this.#noteFull()
    this.#port.stage(value, (staged) => {
      this.#stagedBytes -= value.length
      this.#append(id, [kind, staged])
      this.flush()
    })
  }

  /** Bytes of answers that the link has not taken. */
  get outstandingBytes(): number {
    return this.#stagedBytes + this.flow.unsentBytes
  }

  /** An answer waits for a write of somebody's. */
  owe(result: unknown): void {
    this.#owedBytes += owedSize(result)
    this.#noteFull()
  }

  /** What was owed is answered. */
  settle(result: unknown): void {
    this.#owedBytes -= owedSize(result)
  }

  /** A frame that has to wait its turn. No more are read until it has come. */
  suspend(frame: SuspendedFrame): void {
    this.suspended.push(frame)
    if (!this.isFull) this.flow.filled()
  }

  /** Nothing is suspended any more, or there is a refusal to be fetched. */
  goOn(): void {
    this.flow.progressed()
  }

  /** False when its commands still have to wait. */
  makeRoom(): boolean {
    if (this.#heldBytes <= limits.linkHighWaterBytes) this.isFull = false
    return !this.isFull
  }

  /** @returns about how many bytes that were */
  flush(): number {
    const [out, bytes] = [this.#out, this.#bytes]
    if (out.length === 0) return 0
    this.#out = []
    this.#bytes = 0
    this.#port.send(out)
    if (this.isFull) this.flow.progressed()
    else this.#noteFull()
    return bytes
  }

  get #heldBytes(): number {
    return this.outstandingBytes + this.#owedBytes
  }

  #noteFull(): void {
    if (this.isFull || this.#heldBytes <= limits.linkHighWaterBytes) return
    this.isFull = true
    this.flow.filled()
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.answeredBytes += bytes
    if (this.#bytes > limits.softFrameBytes) this.flush()
  }
}

function owedSize(result: unknown): number {
  return result instanceof Entry ? result.value.length : RESULT_BYTES
}

/**
 * About what a result takes in a frame. Text counts its characters, of up to three bytes each: even so a frame stays
 * within its limit by far.
 */
function sizeOf(result: unknown): number {
  if (typeof result === 'string' || result instanceof Uint8Array) return RESULT_BYTES + result.length
  return Array.isArray(result)
    ? result.reduce<number>((sum, field) => sum + sizeOf(field), RESULT_BYTES)
    : RESULT_BYTES
}

/** A value as GET answers it: bare wherever its kind shows by its type. */
function valueResult({ value, kind }: Entry): unknown {
  if (typeof value === 'string' || kind === ValueKind.BYTES) return value
  return [kind, value]
}
