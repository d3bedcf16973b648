import { IcfError, type Key } from '@icf/common'
import type { AnswerChecker } from './checkers/answers.js'
import { ExpiryChecker } from './checkers/expiry.js'
import { isRead, LinearizableKey, type Operation, type Result } from './checkers/linearizable.js'
import { Violation } from './checkers/violation.js'
import type { SimClient } from './cluster.js'
import type { KeyCall } from './key-call.js'
import { givenKey, keyName } from './key-name.js'
import { fatesOf, performMany } from './many.js'
import { PassingKeys } from './passing-keys.js'
import type { World } from './virtual/world.js'

/** Of a call by itself, in ms. */
export const CALL_TIMEOUT_MS = 5_000

/** Calls of one key at a time: with more, what is possible is too much to look at. */
const MOST_PENDING = 5
/** Readers shall find room. */
const MOST_PENDING_BEFORE_A_WRITE = 3

/** Calls of one key whose outcome is not known; a key with more is given up, and another one used in its place. */
const MOST_ABANDONED = 2

/** Keys that are written only together with others, … */
const KEYS_OF_MANY = 8
/** … and one more than one call has at most. */
const KEYS_AT_ONCE = 9
/** The same, of what is loaded before and read in the end. */
const LOADED_AT_ONCE = 21

/** Of the calls, where there are long values that pass. */
const PASSING_SHARE = 0.25

/** Where memory is short: so that it stays so. */
const MOST_BYTES_OF_MANY = 1500

export interface WorkloadOptions {
  /** Keys that all clients read, write and delete. */
  readonly sharedKeys: number
  /** Keys that are written once, or where memory is short again and again, so that there is something to move. */
  readonly ballastKeys: number
  readonly ballastBytes: number
  /** Longest pause of one lane between two calls, in ms. */
  readonly pauseMs: number
  /** Share of the writes that are long: in chunks. */
  readonly longShare: number
  readonly longBytes: number
  /** Long values that are stored once and removed once: so many at a time. */
  readonly passingKeys: number
  /** Share of the calls that store what expires. */
  readonly ttlShare: number
  /** Share of the calls that store with `ack: 'primary'`. */
  readonly fastShare: number
  /** Share of the calls that are for many keys. */
  readonly manyShare: number
  /** Entries may be evicted. */
  readonly mayEvict: boolean
  /** While calls may fail, single writes are given up as early as reads. */
  readonly givesUpWrites: boolean
}

/** What clients do, through the SDK, and what they must see. */
export class Workload {
  readonly #keys = new Map<string, LinearizableKey>()
  readonly #expiry = new ExpiryChecker()
  /** Stored with `ack: 'primary'`: what may be there. */
  readonly #fast = new Map<string, Set<string>>()
  readonly #names: string[]
  readonly #ballast: string[]
  readonly #together: string[]
  readonly #passing: PassingKeys
  #nextValue = 1
  #isOver = false
  /** Calls without an answer: what becomes of each when its client dies. */
  readonly #open = new Map<SimClient, Set<() => void>>()

  constructor(
    private readonly world: World,
    private readonly answers: AnswerChecker,
    private readonly options: WorkloadOptions,
  ) {
    this.#names = Array.from({ length: options.sharedKeys }, (_, i) => `k${i}`)
    this.#ballast = Array.from({ length: options.ballastKeys }, (_, i) => `b${i}`)
    this.#together = Array.from({ length: options.manyShare > 0 ? KEYS_OF_MANY : 0 }, (_, i) => `m${i}`)
    this.#passing = new PassingKeys(world.random, options.passingKeys)
  }

  /** The process of the client does one call after the other, until the workload ends or the process does. */
  async lane(client: SimClient): Promise<void> {
    const { random } = this.world
    while (!this.#isOver) {
      await this.#something(client)
      await this.#pause(client, random.between(0, this.options.pauseMs))
    }
  }

  /** It only reads: so it is there still when all that write wait for a server that does not answer. */
  async readingLane(client: SimClient): Promise<void> {
    const { random } = this.world
    while (!this.#isOver) {
      await this.#call(client, random.pick(this.#names), { kind: random.chance(0.9) ? 'get' : 'has' })
      await this.#pause(client, random.between(0, this.options.pauseMs))
    }
  }

  /** Stores what is to be moved about. */
  async load(client: SimClient): Promise<void> {
    for (const names of this.#inGroups(this.#ballast))
      await this.#callMany(
        client,
        names.map((name) => [name, this.#set(this.options.ballastBytes)]),
      )
  }

  /** Calls without an answer. */
  get pending(): number {
    return [...this.#open.values()].reduce((sum, { size }) => sum + size, 0)
  }

  /** Its process is dead: what it was writing may happen still. */
  died(client: SimClient): void {
    for (const abandon of this.#open.get(client) ?? []) abandon()
    this.#open.delete(client)
  }

  end(): void {
    this.#isOver = true
  }

  /** Every key once more, when all is quiet. */
  async readAll(client: SimClient): Promise<void> {
    const names = [...this.#names, ...this.#ballast, ...this.#together, ...this.#passing.names]
    for (const group of this.#inGroups(names))
      await this.#callMany(
        client,
        group.map((name) => [name, { kind: 'get' }]),
      )
    for (const name of this.#expiry.keys) await this.#readExpiring(client, name)
    for (const name of this.#fast.keys()) await this.#readFast(client, name)
  }

  #something(client: SimClient): Promise<void> {
    const { random } = this.world
    const { ttlShare, fastShare, manyShare, longShare, longBytes, ballastBytes, mayEvict } = this.options
    if (this.options.passingKeys > 0 && random.chance(PASSING_SHARE)) return this.#pass(client)
    const choice = random.next()
    if (choice < ttlShare)
      return random.chance(0.3) ? this.#writeExpiring(client) : this.#readExpiring(client)
    if (choice < ttlShare + fastShare)
      return random.chance(0.5) ? this.#writeFast(client) : this.#readFast(client)
    if (choice < ttlShare + fastShare + manyShare)
      return this.#callMany(client, random.chance(0.5) ? this.#manyReads() : this.#manyWrites())
    if (this.#ballast.length > 0 && random.chance(mayEvict ? 0.4 : 0.1)) {
      const isWritten = mayEvict && random.chance(0.5)
      return this.#call(
        client,
        random.pick(this.#ballast),
        isWritten ? this.#set(ballastBytes) : { kind: 'get' },
      )
    }
    const kind = random.next()
    const name = random.pick(this.#names)
    if (kind < 0.45) return this.#call(client, name, { kind: 'get' })
    if (kind < 0.5) return this.#call(client, name, { kind: 'has' })
    if (kind < 0.62) return this.#call(client, name, { kind: 'delete' })
    if (mayEvict) return this.#call(client, name, this.#set(random.integer(0, MOST_BYTES_OF_MANY)))
    return this.#call(client, name, this.#set(random.chance(longShare) ? longBytes : 0))
  }

  #pass(client: SimClient): Promise<void> {
    const [name, kind] = this.#passing.next()
    return this.#call(client, name, kind === 'set' ? this.#set(this.options.longBytes) : { kind })
  }

  /** Of keys that others write too, and keys that they do not; of some of them twice. */
  #manyReads(): [string, Operation][] {
    return this.#someTogetherWith([...this.#names, ...this.#ballast]).map((name) => [name, { kind: 'get' }])
  }

  #manyWrites(): [string, Operation][] {
    return [...new Set(this.#someTogetherWith(this.#names))].map((name) => [name, this.#set(0)])
  }

  #someTogetherWith(others: readonly string[]): string[] {
    const { random } = this.world
    return Array.from({ length: random.integer(2, KEYS_AT_ONCE) }, () =>
      random.pick(random.chance(0.5) ? this.#together : others),
    )
  }

  #inGroups(names: readonly string[]): string[][] {
    const groups: string[][] = []
    for (let at = 0; at < names.length; at += groups.at(-1)!.length)
      groups.push(names.slice(at, at + this.world.random.integer(1, LOADED_AT_ONCE)))
    return groups
  }

  #set(bytes: number): Operation {
    return { kind: 'set', value: this.#value().padEnd(bytes, '.') }
  }

  #value(): string {
    return `v${this.#nextValue++}`
  }

  /** One call of a key that has to be linearizable. */
  async #call(client: SimClient, name: string, operation: Operation): Promise<void> {
    const part = this.#begin(name, operation)
    if (!part) return
    const { key, call } = part
    try {
      key.end(
        call,
        await this.#ask(
          client,
          `${operation.kind} ${key.name}`,
          () => perform(client, key.name, operation, this.#timeoutOf(operation)),
          () => this.#abandon(part),
        ),
      )
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      if (error.code !== 'OUTCOME_UNKNOWN') return key.cancel(call)
      this.#abandon(part)
    }
  }

  /** One call for many keys, either reads or writes, each of which has to be linearizable by itself. */
  async #callMany(client: SimClient, operations: readonly (readonly [string, Operation])[]): Promise<void> {
    const parts = operations.flatMap(([name, operation]) => this.#begin(name, operation) ?? [])
    if (parts.length === 0) return
    const overwritten = this.world.random.chance(0.2) ? this.#value() : undefined
    try {
      const found = await this.#ask(
        client,
        `${parts[0]!.operation.kind} ${parts.map(({ key }) => key.name).join(' ')}`,
        () => performMany(client.client, parts, overwritten, this.#timeoutMs()),
        () => parts.forEach((part) => this.#abandon(part)),
      )
      parts.forEach(({ key, call }, i) => key.end(call, found[i]))
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      fatesOf(error, parts).forEach((fate, i) => {
        const { key, call } = parts[i]!
        if (fate.kind === 'done') key.end(call, fate.found)
        else if (fate.kind === 'undone') key.cancel(call)
        else this.#abandon(parts[i]!)
      })
    }
  }

  /** Undefined when the key has as many calls under way as it may. */
  #begin(name: string, operation: Operation): KeyCall | undefined {
    const key = this.#key(name)
    if (key.pending >= (isRead(operation) ? MOST_PENDING : MOST_PENDING_BEFORE_A_WRITE)) return undefined
    return { name, key, operation, call: key.begin(operation) }
  }

  #abandon({ name, key, call }: KeyCall): void {
    key.abandon(call)
    if (key.abandoned > MOST_ABANDONED && this.#keys.get(name) === key) this.#keys.delete(name)
  }

  #key(name: string): LinearizableKey {
    let key = this.#keys.get(name)
    if (!key) {
      const number = this.#nextValue++
      key = new LinearizableKey(keyName(`${name}.${number}`, number), this.options.mayEvict)
      this.#keys.set(name, key)
    }
    return key
  }

  async #writeExpiring(client: SimClient): Promise<void> {
    const key = `t${this.#nextValue++}`
    const value = `v${key}`
    const ttlMs = this.world.random.integer(20, 4000)
    this.#expiry.begin(key, value, ttlMs, this.world.now)
    const isStored = await this.#unlessFailed(client, `set ${key}`, () =>
      client.client.set(key, value, { ttlMs }),
    )
    if (isStored) this.#expiry.stored(key, this.world.now)
    else this.#expiry.forget(key)
  }

  async #readExpiring(client: SimClient, key = this.#pickOf(this.#expiry.keys)): Promise<void> {
    if (key === undefined) return
    const from = this.world.now
    await this.#unlessFailed(client, `get ${key}`, async () => {
      const value = await client.client.get<string>(key)
      if (value !== undefined || !this.options.mayEvict) this.#expiry.read(key, value, from, this.world.now)
    })
  }

  async #writeFast(client: SimClient): Promise<void> {
    const key = `p${this.world.random.integer(0, 4)}`
    const value = this.#value()
    const values = this.#fast.get(key) ?? new Set()
    this.#fast.set(key, values.add(value))
    await this.#unlessFailed(client, `set ${key}`, () => client.client.set(key, value, { ack: 'primary' }))
  }

  async #readFast(client: SimClient, key = this.#pickOf([...this.#fast.keys()])): Promise<void> {
    if (key === undefined) return
    await this.#unlessFailed(client, `get ${key}`, async () => {
      const value = await client.client.get<string>(key)
      if (value !== undefined && !this.#fast.get(key)!.has(value))
        throw new Violation(`invariant 4: ${key} is ${value}, which nobody stored`)
    })
  }

  async #unlessFailed(client: SimClient, what: string, call: () => Promise<unknown>): Promise<boolean> {
    try {
      await this.#ask(client, what, call)
      return true
    } catch (error) {
      if (!(error instanceof IcfError)) throw error
      return false
    }
  }

  /** @param abandoned its client died before it was answered */
  async #ask<T>(
    client: SimClient,
    what: string,
    call: () => Promise<T>,
    abandoned: () => void = () => undefined,
  ): Promise<T> {
    const { world, answers } = this
    const begun = world.now
    const open = this.#open.get(client) ?? new Set()
    this.#open.set(client, open.add(abandoned))
    try {
      const result = await call()
      answers.answered++
      if (world.trace) world.log(`${client.process.name}: ${what} → ${String(result).slice(0, 20)}`)
      return result
    } catch (error) {
      if (world.trace) world.log(`${client.process.name}: ${what} fails: ${String(error)}`)
      answers.fail(what, error, begun)
      throw error
    } finally {
      open.delete(abandoned)
    }
  }

  #timeoutOf(operation: Operation): number {
    const timeoutMs = this.#timeoutMs()
    return isRead(operation) || this.options.givesUpWrites ? timeoutMs : CALL_TIMEOUT_MS
  }

  /**
   * Of reads, and of writes of many keys. While calls may fail, some are impatient: they come to what answers, rather than wait
   * for what does not; and of many keys, some fail.
   */
  #timeoutMs(): number {
    const { random, now } = this.world
    return this.answers.isExcused(now) && random.chance(0.7) ? random.integer(50, 500) : CALL_TIMEOUT_MS
  }

  #pickOf(keys: readonly string[]): string | undefined {
    return keys.length === 0 ? undefined : this.world.random.pick(keys)
  }

  #pause(client: SimClient, ms: number): Promise<void> {
    return new Promise((resolve) => client.process.runtime.setTimeout(resolve, ms))
  }
}

async function perform(
  { client }: SimClient,
  name: Key,
  operation: Operation,
  timeoutMs: number,
): Promise<Result> {
  const key = givenKey(name)
  switch (operation.kind) {
    case 'set':
      await client.set(key, operation.value, { timeoutMs })
      return undefined
    case 'delete':
      return client.delete(key, { timeoutMs })
    case 'get':
      return client.get<string>(key, { timeoutMs })
    case 'has':
      return client.has(key, { timeoutMs })
  }
}
