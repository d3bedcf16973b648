import { CommandCode, IcfError, type Key } from '@icf/common'
import { PendingCall, type Reject, type Resolve } from './core/call.js'
import { Group } from './core/group.js'
import { KeyReader, type GivenKey } from './core/key.js'
import type { Location, TopologySnapshot } from './core/snapshot.js'
import { encodeValue, type Value } from './core/value.js'
import {
  CALL_OPTIONS,
  checkCallOptions,
  checkSignal,
  checkTimeout,
  checkTtl,
  invalid,
  readAck,
  SET_OPTIONS,
  show,
  type CallOptions,
  type SetOptions,
} from './options.js'
import type { Emitter } from './shell/emitter.js'
import type { ClientEvents, Session } from './shell/session.js'

/**
 * What can be stored: text, a number, a boolean, null, a Uint8Array (also inside), plain objects and arrays of these.
 * `object` is here because an interface of yours would not fit a stricter type; class instances, Date, Map and the like
 * are refused with INVALID_VALUE when called.
 */
export type Storable = string | number | boolean | object | null

// One executor for all promises, since a closure for each call would cost more than the rest of the call.
let resolveOfLast: Resolve
let rejectOfLast: Reject
const keepResolvers = (resolve: Resolve, reject: Reject): void => {
  resolveOfLast = resolve
  rejectOfLast = reject
}
const unused = (): void => undefined

const keyReader = new KeyReader()

/**
 * A client of one icf cluster: see {@link connect}. Everything called in one turn of the event loop travels together,
 * one frame for each server, so call freely and await later; calls that were not awaited have no order among them.
 *
 * Keys are 1 to 4096 bytes: a Uint8Array, or well-formed text, which is the same key as its UTF-8. Values are up to 64 MiB as
 * stored. Every call has a deadline, within which the client follows changes of the topology, reconnects and repeats on its own.
 *
 * All calls reject with an {@link IcfError}; compare its `code`: INVALID_KEY, INVALID_VALUE, VALUE_TOO_LARGE and
 * INVALID_ARGUMENT (nothing was sent), BUSY (too much is under way), TIMEOUT (the deadline; nothing was written), OUTCOME_UNKNOWN (the
 * deadline of a write that was sent and not refused), ABORTED (by the caller's signal), CLOSED. What is `retryable` has written nothing.
 */
export class Client implements AsyncDisposable {
  readonly #session: Session
  readonly #events: Emitter<ClientEvents>

  /** @internal Use {@link connect}. */
  constructor(session: Session, events: Emitter<ClientEvents>) {
    this.#session = session
    this.#events = events
  }

  /** The value as it was set, or undefined when the key is missing. Bytes come as a Buffer of the caller's own. */
  get<T = Value>(key: GivenKey, options?: CallOptions): Promise<T | undefined> {
    return this.#call(CommandCode.GET, key, options) as Promise<T | undefined>
  }

  /**
   * Stores a value, which is read at once: what happens to it later changes nothing. As in JSON, properties that are
   * undefined are dropped, undefined in an array becomes null, and -0 becomes 0; NaN and infinities stay.
   */
  set(key: GivenKey, value: Storable, options?: SetOptions): Promise<void> {
    try {
      const read = keyReader.read(key, this.#session.slotCount)
      const { slot } = keyReader
      const promise = new Promise(keepResolvers)
      const call = this.#newSet(read, slot, value, options, resolveOfLast, rejectOfLast, undefined, 0)
      this.#submit(call, options)
      return promise as Promise<void>
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /** Removes a key. True when it was there. */
  delete(key: GivenKey, options?: CallOptions): Promise<boolean> {
    return this.#call(CommandCode.DELETE, key, options) as Promise<boolean>
  }

  has(key: GivenKey, options?: CallOptions): Promise<boolean> {
    return this.#call(CommandCode.HAS, key, options) as Promise<boolean>
  }

  /** Remaining time to live in milliseconds; null: it does not expire; undefined: the key is missing. */
  ttl(key: GivenKey, options?: CallOptions): Promise<number | null | undefined> {
    return this.#call(CommandCode.TTL, key, options) as Promise<number | null | undefined>
  }

  /**
   * The values of many keys of any slots, in the order of `keys`, undefined where one is missing. At most `maxPending`
   * keys. Rejects once all have an answer, with an error whose `keys` are those that failed, as they were given, and whose `values` are what
   * this would have resolved with, undefined in their places. The values are of no single moment.
   */
  getMany<T = Value>(keys: readonly GivenKey[], options?: CallOptions): Promise<(T | undefined)[]> {
    try {
      if (!Array.isArray(keys))
        throw invalid(`keys must be an array of strings or Uint8Arrays, got ${show(keys)}`)
      const { slotCount } = this.#session
      const given: readonly GivenKey[] = Array.from(keys)
      const slots: number[] = []
      const read = given.map((key) => {
        const bytes = keyReader.read(key, slotCount)
        slots.push(keyReader.slot)
        return bytes
      })
      checkCallOptions(options, CALL_OPTIONS)
      const timeoutMs = this.#timeoutOf(options)
      return this.#many(options, given, true, (group) =>
        read.map(
          (key, i) => new PendingCall(CommandCode.GET, key, slots[i]!, timeoutMs, unused, unused, group, i),
        ),
      ) as Promise<(T | undefined)[]>
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  /**
   * Stores many entries: pairs of key and value, or a Map. At most `maxPending`. Rejects once all have an answer, with an
   * error whose `keys` are those that failed; the others are stored then. With an invalid entry nothing is sent. Of entries with the same key only
   * the last is sent.
   */
  async setMany(entries: Iterable<readonly [GivenKey, Storable]>, options?: SetOptions): Promise<void> {
    if (typeof (entries as Partial<typeof entries> | null)?.[Symbol.iterator] !== 'function')
      throw invalid(`entries must be pairs of key and value, or a Map, got ${show(entries)}`)
    const { slotCount } = this.#session
    const pairs = Array.from(entries)
    const read: Key[] = []
    const slots: number[] = []
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw invalid(`an entry must be [key, value], got ${show(pair)}`)
      read.push(keyReader.read(pair[0], slotCount))
      slots.push(keyReader.slot)
    }
    const given: GivenKey[] = []
    await this.#many(options, given, false, (group) => {
      // One call a key, since a large value is overtaken by small ones; made of all entries, so that all are checked.
      const lastOfKey = new Map<Key, PendingCall>()
      let bytes = 0
      for (const [i, [givenKey, value]] of pairs.entries()) {
        const key = read[i]!
        const earlier = lastOfKey.get(key)
        const index = earlier?.index ?? lastOfKey.size
        const call = this.#newSet(key, slots[i]!, value, options, unused, unused, group, index)
        given[index] = givenKey
        bytes += call.bytes - (earlier?.bytes ?? 0)
        lastOfKey.set(key, call)
        // At once: what passes the bounds would take the memory that they are there to spare.
        this.#checkRoom(lastOfKey.size, bytes)
      }
      return [...lastOfKey.values()]
    })
  }

  /** Who is there and who owns what, as the client knows it now. It never changes: read it again, or listen. */
  get topology(): TopologySnapshot {
    return this.#session.snapshot
  }

  /** The slot of a key, and the servers that hold it now. */
  where(key: GivenKey): Location {
    keyReader.read(key, this.#session.slotCount)
    return this.#session.snapshot.where(key)
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: (payload: ClientEvents[Name]) => void): this {
    this.#events.on(name, listener)
    return this
  }

  once<Name extends keyof ClientEvents>(name: Name, listener: (payload: ClientEvents[Name]) => void): this {
    this.#events.once(name, listener)
    return this
  }

  off<Name extends keyof ClientEvents>(name: Name, listener: (payload: ClientEvents[Name]) => void): this {
    this.#events.off(name, listener)
    return this
  }

  /** Ends every connection; what is under way fails with CLOSED: await it first. May be called again. */
  close(): Promise<void> {
    return this.#session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #call(code: CommandCode, given: GivenKey, options: CallOptions | undefined): Promise<unknown> {
    try {
      const key = keyReader.read(given, this.#session.slotCount)
      const { slot } = keyReader
      checkCallOptions(options, CALL_OPTIONS)
      const timeoutMs = this.#timeoutOf(options)
      const promise = new Promise(keepResolvers)
      const call = new PendingCall(code, key, slot, timeoutMs, resolveOfLast, rejectOfLast, undefined, 0)
      this.#submit(call, options)
      return promise
    } catch (error) {
      return Promise.reject(error as Error)
    }
  }

  #newSet(
    key: Key,
    slot: number,
    value: Storable,
    options: SetOptions | undefined,
    resolve: Resolve,
    reject: Reject,
    group: Group | undefined,
    index: number,
  ): PendingCall {
    checkCallOptions(options, SET_OPTIONS)
    const timeoutMs = this.#timeoutOf(options)
    const call = new PendingCall(CommandCode.SET, key, slot, timeoutMs, resolve, reject, group, index)
    if (options?.ttlMs !== undefined) call.ttlMs = checkTtl(options.ttlMs)
    if (options?.ack !== undefined) call.ackPrimary = readAck(options.ack)
    encodeValue(call, value)
    return call
  }

  #submit(call: PendingCall, options: CallOptions | undefined): void {
    const signal = readSignal(options)
    this.#checkRoom(1, call.bytes)
    this.#session.router.submit(call)
    if (signal) this.#session.aborts.watch(signal, call)
  }

  #many(
    options: CallOptions | undefined,
    given: readonly GivenKey[],
    isRead: boolean,
    newCalls: (group: Group) => PendingCall[],
  ): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      const group = new Group(resolve, reject, given, isRead)
      const calls = newCalls(group)
      const signal = readSignal(options)
      this.#checkRoom(
        calls.length,
        calls.reduce((sum, call) => sum + call.bytes, 0),
      )
      if (calls.length === 0) return resolve([])
      group.expect(calls.length)
      for (const call of calls) {
        this.#session.router.submit(call)
        if (signal) this.#session.aborts.watch(signal, call)
      }
    })
  }

  #timeoutOf(options: CallOptions | undefined): number {
    return options?.timeoutMs === undefined
      ? this.#session.settings.timeoutMs
      : checkTimeout(options.timeoutMs)
  }

  #checkRoom(calls: number, bytes: number): void {
    const { router, settings, isClosed } = this.#session
    if (isClosed) throw new IcfError('CLOSED', 'the client is closed')
    if (calls > settings.maxPending)
      throw invalid(`${calls} at once are too many: maxPending is ${settings.maxPending}`)
    if (router.pendingCount + calls > settings.maxPending)
      throw new IcfError(
        'BUSY',
        `too many calls under way: ${router.pendingCount} (maxPending is ${settings.maxPending})`,
      )
    if (router.pendingBytes + bytes > settings.maxPendingBytes)
      throw new IcfError(
        'BUSY',
        `too many bytes under way: ${router.pendingBytes} and ${bytes} more (maxPendingBytes is ${settings.maxPendingBytes})`,
      )
  }
}

function readSignal(options: CallOptions | undefined): AbortSignal | undefined {
  if (options?.signal === undefined) return undefined
  const signal = checkSignal(options.signal)
  if (signal.aborted)
    throw new IcfError('ABORTED', 'the signal was aborted before the call', { cause: signal.reason })
  return signal
}
