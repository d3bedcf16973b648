import { errorToWire, type IcfError } from '../errors.js'
import type { Topology } from '../topology/topology.js'
import { malformed } from './checks.js'
import { beginDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import type { FrameWriter } from './data/frame-writer.js'
import { MessageType } from './messages.js'

/** What a result is, in its first byte. */
export const ResultTag = {
  NIL: 0,
  FALSE: 1,
  TRUE: 2,
  /** A whole number from 0 on. */
  NUMBER: 3,
  /** Of TTL: without an end. */
  FOREVER: 4,
  /** The number of the error, epoch and version of a topology that the server has, text. */
  ERROR: 5,
  /** And the kind of the value, up to 2: its bytes. */
  VALUE: 8,
  /** And the kind: the value that the frame names. */
  VALUE_AHEAD: 12,
} as const

const LAST_KIND = 2

/** An answer to a command that is an error. */
export interface ErrorResult {
  /** The number of its code, for `errorFromWire`. */
  readonly wire: number
  readonly text: string
  /** Of a topology that the server has. */
  readonly epoch: number
  readonly version: number
}

export function errorResult(
  { code, message }: Pick<IcfError, 'code' | 'message'>,
  { epoch, version }: Pick<Topology, 'epoch' | 'version'>,
): ErrorResult {
  return { wire: errorToWire(code), text: message, epoch, version }
}

/** An answer that is no value: nil, yes or no, a number from 0 on, -1 for a time to live without an end, or an error. */
export type PlainResult = null | boolean | number | ErrorResult

/**
 * Writes frames of RESULTS: runs of results with consecutive ids, so that the usual answer to a batch is one id, one count and
 * the results.
 */
export class ResultsWriter {
  #nextId = -1
  #count = 0
  #countAt = 0

  constructor(private readonly writer: FrameWriter) {}

  /** @param namesValue one of the results is a value that is sent ahead */
  begin(namesValue: boolean): void {
    beginDataFrame(this.writer, MessageType.RESULTS, namesValue)
    this.#nextId = -1
    this.#count = 0
  }

  plain(id: number, result: PlainResult): void {
    const { writer } = this
    this.#next(id)
    if (result === true) writer.byte(ResultTag.TRUE)
    else if (result === null) writer.byte(ResultTag.NIL)
    else if (result === false) writer.byte(ResultTag.FALSE)
    else if (result === -1) writer.byte(ResultTag.FOREVER)
    else if (typeof result === 'number') {
      writer.byte(ResultTag.NUMBER)
      writer.count(result)
    } else this.#error(result)
  }

  /** @param value a text of one character for each of its bytes, or these, which must not change until the frame is ended */
  value(id: number, kind: number, value: string | Uint8Array): void {
    const { writer } = this
    this.#next(id)
    writer.byte(ResultTag.VALUE + kind)
    if (typeof value === 'string') writer.binary(value)
    else writer.lastingBytes(value)
  }

  /** The same, of so many bytes of `memory`, which may change as soon as this returns. */
  valueIn(id: number, kind: number, memory: Uint8Array, at: number, length: number): void {
    this.#next(id)
    this.writer.byte(ResultTag.VALUE + kind)
    this.writer.bytesIn(memory, at, length)
  }

  /** The value that the frame names. */
  valueAhead(id: number, kind: number): void {
    this.#next(id)
    this.writer.byte(ResultTag.VALUE_AHEAD + kind)
  }

  /** Whether a result with this id goes on with the present run. */
  continuesWith(id: number): boolean {
    return id === this.#nextId
  }

  /** Ends the frame. */
  finish(): Buffer {
    this.endRun()
    return this.writer.finish()
  }

  /** What comes next begins a run. */
  endRun(): void {
    if (this.#count > 0) this.writer.patchFixed32(this.#countAt, this.#count)
    this.#count = 0
    this.#nextId = -1
  }

  #next(id: number): void {
    if (!this.continuesWith(id)) {
      this.endRun()
      this.writer.count(id)
      this.#countAt = this.writer.fixed32(0)
    }
    this.#count++
    this.#nextId = id + 1
  }

  #error({ wire, text, epoch, version }: ErrorResult): void {
    const { writer } = this
    writer.byte(ResultTag.ERROR)
    writer.count(wire)
    writer.count(epoch)
    writer.count(version)
    writer.text(text)
  }
}

/** @throws IcfError PROTOCOL */
export function readErrorResult(frame: FrameReader): ErrorResult {
  const wire = frame.count()
  const epoch = frame.count()
  const version = frame.count()
  return { wire, epoch, version, text: frame.text(frame.count()).slice(0, 1000) }
}

/** Of a result that is a value, from its first byte. @returns undefined when it is none */
export function kindOfResult(tag: number): number | undefined {
  if (tag >= ResultTag.VALUE && tag <= ResultTag.VALUE + LAST_KIND) return tag - ResultTag.VALUE
  if (tag >= ResultTag.VALUE_AHEAD && tag <= ResultTag.VALUE_AHEAD + LAST_KIND)
    return tag - ResultTag.VALUE_AHEAD
  return undefined
}

/** The bytes of a value, after the first byte of its result: they are the frame's, or those that were sent ahead. */
export function readValueResult(frame: FrameReader, tag: number): Uint8Array {
  if (tag < ResultTag.VALUE_AHEAD) return frame.view(frame.count())
  return frame.takeAhead('value in RESULTS')
}

/** Passes over a result that nobody waits for. @throws IcfError PROTOCOL */
export function skipResult(frame: FrameReader, tag: number): void {
  if (tag === ResultTag.NUMBER) frame.count()
  else if (tag === ResultTag.ERROR) readErrorResult(frame)
  else if (kindOfResult(tag) === undefined) {
    if (tag > ResultTag.ERROR) throw unknownResult(tag)
  } else readValueResult(frame, tag)
}

export function unknownResult(tag: number): IcfError {
  return malformed('first byte of a result', 'that of a known kind of result', tag)
}
