import { KeyHistory, type Violation } from './history.js'
import { Random } from '@icf/testkit/random'
import { keySpec, makeValue, versionOf, type KeySpec } from './values.js'
import { waitUntil } from '@icf/testkit/wait'

/** The part of the SDK that the workload drives; a test of the workload itself puts a broken store here. */
export interface CacheUnderTest {
  get(key: string): Promise<unknown>
  set(key: string, value: never): Promise<unknown>
  delete(key: string): Promise<unknown>
}

export interface WorkloadOptions {
  readonly keys?: number
  readonly writers?: number
  readonly readers?: number
  readonly seed?: number
}

export interface WorkloadReport {
  readonly violations: Readonly<Record<Violation, number>>
  readonly errors: number
  /** The first violations and errors, in words. */
  readonly details: readonly string[]
  readonly operations: { readonly set: number; readonly delete: number; readonly get: number }
  readonly longestCallMs: number
  readonly longestCall: string
  /** Keys that the sweep at the end found as they should be. */
  readonly sweptKeys: number
}

interface Entry {
  readonly spec: KeySpec
  readonly history: KeyHistory
}

export const NO_VIOLATIONS: Readonly<Record<Violation, number>> = {
  miss: 0,
  stale: 0,
  resurrected: 0,
  corrupt: 0,
  lost: 0,
  'wrong answer': 0,
}

const DELETE_SHARE = 0.05
const DETAILS_KEPT = 20
/** Past this the cluster is broken, and more of the same would tell nothing new. */
const MAX_ERRORS = 1000
const LOAD_LANES = 512
const PROGRESS_TIMEOUT_MS = 60_000

/**
 * Concurrent writers and readers that know what they may see. Every key has one writer, which overwrites it and deletes
 * it now and then; readers read any key. What each call began with, ended with and returned goes through KeyHistory.
 */
export class Workload {
  readonly #cache: CacheUnderTest
  readonly #entries: Entry[]
  readonly #random: Random
  readonly #writers: number
  readonly #readers: number
  readonly #violations: Record<Violation, number> = { ...NO_VIOLATIONS }
  readonly #details: string[] = []
  readonly #operations = { set: 0, delete: 0, get: 0 }
  readonly #startedAtMs = performance.now()
  #errors = 0
  #longestCallMs = 0
  #longestCall = ''
  #sweptKeys = 0
  #stopping = false
  #lanes: Promise<void> | undefined

  constructor(
    cache: CacheUnderTest,
    { keys = 20_000, writers = 32, readers = 32, seed = 1 }: WorkloadOptions = {},
  ) {
    this.#cache = cache
    this.#entries = Array.from({ length: keys }, (_, number) => ({
      spec: keySpec(number),
      history: new KeyHistory(),
    }))
    this.#writers = writers
    this.#readers = readers
    this.#random = new Random(seed)
  }

  /** Writes every key once. */
  async load(): Promise<void> {
    let next = 0
    await inParallel(LOAD_LANES, async () => {
      while (next < this.#entries.length && !this.#isHopeless) await this.#set(this.#entries[next++]!)
    })
  }

  start(): void {
    this.#stopping = false
    this.#lanes = Promise.all([
      ...Array.from({ length: this.#writers }, (_, writer) => this.#write(writer)),
      ...Array.from({ length: this.#readers }, () => this.#read()),
    ]).then(() => undefined)
  }

  /** Returns when so many more calls have ended. */
  async progress(calls: number): Promise<void> {
    const target = this.#calls + calls
    await waitUntil(() => this.#calls >= target || this.#isHopeless, {
      what: `${calls} calls of the workload`,
      timeoutMs: PROGRESS_TIMEOUT_MS,
    })
  }

  /** Returns when every call under way has ended. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#lanes
  }

  /** Reads every key once more, when nothing is written any longer. */
  async sweep(): Promise<void> {
    let next = 0
    await inParallel(LOAD_LANES, async () => {
      while (next < this.#entries.length && !this.#isHopeless) await this.#sweepOne(this.#entries[next++]!)
    })
  }

  report(): WorkloadReport {
    return {
      violations: { ...this.#violations },
      errors: this.#errors,
      details: [...this.#details],
      operations: { ...this.#operations },
      longestCallMs: Math.round(this.#longestCallMs),
      longestCall: this.#longestCall,
      sweptKeys: this.#sweptKeys,
    }
  }

  get #calls(): number {
    return this.#operations.set + this.#operations.delete + this.#operations.get
  }

  get #isHopeless(): boolean {
    return this.#errors > MAX_ERRORS
  }

  async #write(writer: number): Promise<void> {
    const own = Math.ceil((this.#entries.length - writer) / this.#writers)
    while (!this.#stopping && !this.#isHopeless) {
      const entry = this.#entries[writer + this.#random.integer(0, own) * this.#writers]!
      if (entry.history.isSet && this.#random.chance(DELETE_SHARE)) await this.#delete(entry)
      else await this.#set(entry)
    }
  }

  async #read(): Promise<void> {
    while (!this.#stopping && !this.#isHopeless) {
      const { spec, history } = this.#entries[this.#random.integer(0, this.#entries.length)]!
      const floor = history.beginRead()
      const value = await this.#call('get', spec, () => this.#cache.get(spec.name))
      if (value === FAILED) continue
      const seen = value === undefined ? undefined : versionOf(spec, value)
      this.#judge(history.endRead(floor, seen), seen, spec, history, `a read with floor ${floor}`)
    }
  }

  async #sweepOne({ spec, history }: Entry): Promise<void> {
    const value = await this.#call('get', spec, () => this.#cache.get(spec.name))
    if (value === FAILED) return
    const seen = value === undefined ? undefined : versionOf(spec, value)
    const violation = history.endFinalRead(seen)
    this.#judge(violation, seen, spec, history, 'the final read')
    if (!violation) this.#sweptKeys++
  }

  async #set({ spec, history }: Entry): Promise<void> {
    const version = history.beginSet()
    const value = makeValue(spec, version) as never
    const result = await this.#call('set', spec, () => this.#cache.set(spec.name, value))
    if (result !== FAILED) history.acknowledge(version)
  }

  async #delete({ spec, history }: Entry): Promise<void> {
    const wasThere = history.isThere
    const version = history.beginDelete()
    const result = await this.#call('delete', spec, () => this.#cache.delete(spec.name))
    if (result === FAILED) return
    history.acknowledge(version)
    if (!wasThere || result === true) return
    this.#violations['wrong answer']++
    this.#detail(
      `wrong answer: delete ${version} of "${spec.name}", which was there, answered ${String(result)}`,
    )
  }

  async #call(kind: 'set' | 'delete' | 'get', spec: KeySpec, call: () => Promise<unknown>): Promise<unknown> {
    const beganMs = performance.now()
    try {
      return await call()
    } catch (error) {
      this.#errors++
      const { code, message } = error as { code?: string; message?: string }
      this.#detail(
        `${kind} "${spec.name}" failed after ${Math.round(performance.now() - beganMs)} ms: ${code} ${message}`,
      )
      return FAILED
    } finally {
      this.#operations[kind]++
      const tookMs = performance.now() - beganMs
      if (tookMs > this.#longestCallMs) {
        this.#longestCallMs = tookMs
        this.#longestCall = `${kind} of ${spec.bytes} bytes, begun at ${this.#sinceStart(beganMs)}`
      }
    }
  }

  #judge(
    violation: Violation | undefined,
    seen: number | undefined,
    spec: KeySpec,
    history: KeyHistory,
    by: string,
  ): void {
    if (!violation) return
    this.#violations[violation]++
    this.#detail(
      `${violation}: ${by} of "${spec.name}" (${spec.bytes} bytes) showed ${seen ?? 'nothing'}; now ${String(history)}`,
    )
  }

  #detail(text: string): void {
    if (this.#details.length < DETAILS_KEPT)
      this.#details.push(`${this.#sinceStart(performance.now())} ${text}`)
  }

  #sinceStart(nowMs: number): string {
    return `${((nowMs - this.#startedAtMs) / 1000).toFixed(2)} s`
  }
}

const FAILED = Symbol('failed')

async function inParallel(lanes: number, lane: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: lanes }, lane))
}
