import {
  FrameWriter,
  limits,
  nameAhead,
  ResultsWriter,
  ValueKind,
  type IcfError,
  type PlainResult,
} from '@icf/common'
import { Entry } from './entry.js'
import { FrameQueue, type SuspendedFrame } from './frame-queue.js'
import type { Origin } from './origin.js'
import type { LinkPort } from './ports.js'
import type { Records } from './records.js'

/** What a result counts for beside its text or bytes, and the beginning of a run: a frame has few enough of them. */
const RESULT_BYTES = 8
const RUN_BYTES = 16
const ERROR_BYTES = 48

/** What answers a command: the entry that a GET found, or what the wire carries as it is. */
export type Reply = Entry | PlainResult

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

/** The answers to one client. They leave together, once a turn. */
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
  readonly #frame = new FrameWriter()
  readonly #results = new ResultsWriter(this.#frame)
  /** About what the answers in the frame take. */
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

  reply(id: number, result: Reply): void {
    if (result instanceof Entry) return this.#replyEntry(id, result)
    this.#begin(id)
    this.#results.plain(id, result)
    const isError = typeof result === 'object' && result !== null
    this.#count(isError ? ERROR_BYTES + result.text.length : RESULT_BYTES)
  }

  /** Answers with the value of a record that is plain. */
  replyPlain(id: number, records: Records, handle: number): void {
    const length = records.valueBytes(handle)
    const kind = records.kind(handle)
    this.#begin(id)
    this.#results.valueIn(id, kind, records.memory(handle), records.valueAt(handle), length)
    this.#countValue(kind, length)
  }

  #replyEntry(id: number, { value, kind }: Entry): void {
    if (value.length > limits.chunkBytes) return this.#replyLong(id, kind, value as Uint8Array)
    this.#begin(id)
    this.#results.value(id, kind, value)
    this.#countValue(kind, value.length)
  }

  #countValue(kind: number, bytes: number): void {
    this.#count((kind === ValueKind.ENCODED ? 3 : 1) * RESULT_BYTES + bytes)
  }

  #replyLong(id: number, kind: number, value: Uint8Array): void {
    this.#stagedBytes += value.length
    this.#noteFull()
    this.#port.stage(value, (staged) => {
      this.#stagedBytes -= value.length
      // The answer names it, in a frame of its own.
      this.flush()
      this.#results.begin(true)
      this.#results.valueAhead(id, kind)
      const frame = this.#results.finish()
      nameAhead(frame, staged.id)
      this.answeredBytes += RUN_BYTES + RESULT_BYTES
      this.#send(frame)
    })
  }

  #begin(id: number): void {
    if (this.#frame.length === 0) {
      this.#results.begin(false)
      this.#dirty.push(this)
    }
    if (!this.#results.continuesWith(id)) this.#bytes += RUN_BYTES
  }

  /** Bytes of answers that the link has not taken. */
  get outstandingBytes(): number {
    return this.#stagedBytes + this.flow.unsentBytes
  }

  /** An answer waits for a write of somebody's. */
  owe(result: Reply): void {
    this.#owedBytes += owedSize(result)
    this.#noteFull()
  }

  /** What was owed is answered. */
  settle(result: Reply): void {
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
    if (this.#heldBytes() <= limits.linkHighWaterBytes) this.isFull = false
    return !this.isFull
  }

  /** @returns about how many bytes that were */
  flush(): number {
    if (this.#frame.length === 0) return 0
    const bytes = this.#bytes
    this.#bytes = 0
    this.#send(this.#results.finish())
    return bytes
  }

  #send(frame: Buffer): void {
    this.#port.sendData(frame)
    if (this.isFull) this.flow.progressed()
    else this.#noteFull()
  }

  #heldBytes(): number {
    return this.outstandingBytes + this.#owedBytes
  }

  #noteFull(): void {
    if (this.isFull || this.#heldBytes() <= limits.linkHighWaterBytes) return
    this.isFull = true
    this.flow.filled()
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.answeredBytes += bytes
    if (this.#bytes > limits.softFrameBytes) this.flush()
  }
}

function owedSize(result: Reply): number {
  return result instanceof Entry ? result.value.length : RESULT_BYTES
}
