import { IcfError, limits } from '@icf/common'
import { formatAddress, parseAddress, type Address } from '@icf/common/node'

export interface ConnectOptions {
  /**
   * Where to begin, each `host:port`: one master is enough, active or standby, as any knows the others; or a cache server, for as
   * long as no master is there.
   */
  readonly masters: readonly string[]
  /** Name of the cluster; default `icf`. A process of another cluster is refused. */
  readonly cluster?: string
  /** Deadline of each call, in milliseconds; default 5000. */
  readonly timeoutMs?: number
  /** How long `connect` tries to reach a master, in milliseconds; default 5000. */
  readonly connectTimeoutMs?: number
  /** Calls that may be under way at once; the next one fails with BUSY at once, it does not wait for room. Default 65536. */
  readonly maxPending?: number
  /**
   * Bytes of keys and values that may be under way at once; the next call fails with BUSY. Default 256 MiB. Short text
   * counts by its characters, since to measure it would cost each call more. What GET will answer does not count, as nobody knows it
   * before: await large values a few at a time.
   */
  readonly maxPendingBytes?: number
}

export interface CallOptions {
  /** Gives the call up with ABORTED. A write that was sent may happen all the same. */
  readonly signal?: AbortSignal
  /** Deadline of this call, in milliseconds, instead of the client's. */
  readonly timeoutMs?: number
}

export interface SetOptions extends CallOptions {
  /** The entry expires this many milliseconds after the server stored it. Default: never. */
  readonly ttlMs?: number
  /**
   * `backup` (default): resolves once the value is on two servers, so that it survives the loss of either.
   * `primary`: resolves once it is on one, which is faster; a failover may lose it.
   */
  readonly ack?: 'backup' | 'primary'
}

/** The options with every default filled in. */
export interface Settings {
  readonly masters: readonly Address[]
  readonly cluster: string
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  readonly maxPending: number
  readonly maxPendingBytes: number
}

const MIB = 1024 * 1024
/** The longest time that a timer of Node can count. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1

const defaults = {
  cluster: 'icf',
  timeoutMs: 5_000,
  connectTimeoutMs: 5_000,
  maxPending: 65_536,
  maxPendingBytes: 256 * MIB,
}

/** @throws IcfError INVALID_ARGUMENT */
export function readOptions(options: ConnectOptions): Settings {
  if (typeof options !== 'object' || options === null)
    throw invalid(`connect needs options, for example { masters: ['127.0.0.1:7000'] }`)
  const given = options as unknown as Record<string, unknown>
  for (const name of Object.keys(given))
    if (name !== 'masters' && !(name in defaults))
      throw invalid(`"${name}" is not an option; these are: masters, ${Object.keys(defaults).join(', ')}`)
  const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  const settings = { ...defaults, ...present } as Omit<Settings, 'masters'>
  const { cluster } = settings
  if (typeof cluster !== 'string' || cluster === '' || cluster.length > limits.maxNameLength)
    throw invalid(`cluster must be a name of 1 to ${limits.maxNameLength} characters, got ${show(cluster)}`)
  checkWhole('timeoutMs', settings.timeoutMs, MAX_TIMEOUT_MS)
  checkWhole('connectTimeoutMs', settings.connectTimeoutMs, MAX_TIMEOUT_MS)
  checkWhole('maxPending', settings.maxPending, 2 ** 24)
  checkWhole('maxPendingBytes', settings.maxPendingBytes, Number.MAX_SAFE_INTEGER)
  return Object.freeze({ ...settings, masters: readMasters(given['masters']) })
}

export const CALL_OPTIONS: readonly string[] = ['signal', 'timeoutMs']
export const SET_OPTIONS: readonly string[] = [...CALL_OPTIONS, 'ttlMs', 'ack']

/** @throws IcfError INVALID_ARGUMENT when an option is misspelt, or in another call's place */
export function checkCallOptions(options: unknown, names: readonly string[]): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null)
    throw invalid(`a call's options are an object, for example { timeoutMs: 1000 }, got ${show(options)}`)
  for (const name of Object.keys(options))
    if (!names.includes(name))
      throw invalid(`"${name}" is not an option of this call; these are: ${names.join(', ')}`)
}

/** @throws IcfError INVALID_ARGUMENT */
export function checkTimeout(timeoutMs: unknown): number {
  checkWhole('timeoutMs', timeoutMs, MAX_TIMEOUT_MS)
  return timeoutMs as number
}

/** @throws IcfError INVALID_ARGUMENT */
export function checkTtl(ttlMs: unknown): number {
  if (!isWhole(ttlMs, limits.maxTtlMs))
    throw invalid(
      `ttlMs must be a whole number of milliseconds from 1 to ${limits.maxTtlMs} (leave it out for no expiry), got ${show(ttlMs)}`,
    )
  return ttlMs
}

/** @returns whether a write is answered before its backup has it. @throws IcfError INVALID_ARGUMENT */
export function readAck(ack: unknown): boolean {
  if (ack === 'backup') return false
  if (ack === 'primary') return true
  throw invalid(`ack must be 'backup' or 'primary', got ${show(ack)}`)
}

/** @throws IcfError INVALID_ARGUMENT */
export function checkSignal(signal: unknown): AbortSignal {
  // Not instanceof: a test runner may run callers in a realm of their own.
  const { aborted, addEventListener } = (signal ?? {}) as Partial<AbortSignal>
  if (typeof aborted === 'boolean' && typeof addEventListener === 'function') return signal as AbortSignal
  throw invalid(`signal must be an AbortSignal, got ${show(signal)}`)
}

export function invalid(message: string): IcfError {
  return new IcfError('INVALID_ARGUMENT', message)
}

export function show(value: unknown): string {
  if (typeof value === 'string') return `"${value.slice(0, 100)}"`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return String(value)
}

function readMasters(masters: unknown): Address[] {
  if (!Array.isArray(masters) || masters.length === 0)
    throw invalid(`masters must be a list of addresses, for example ['127.0.0.1:7000'], got ${show(masters)}`)
  const byText = new Map<string, Address>()
  for (const master of masters as unknown[]) {
    if (typeof master !== 'string')
      throw invalid(`a master must be given as 'host:port', got ${show(master)}`)
    const address = parseAddress(master)
    byText.set(formatAddress(address), address)
  }
  return [...byText.values()]
}

function checkWhole(name: string, value: unknown, max: number): void {
  if (!isWhole(value, max))
    throw invalid(`${name} must be a whole number from 1 to ${max}, got ${show(value)}`)
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max
}
