import { IcfError } from '@icf/common'
import type { Reject } from './call.js'

interface Failure {
  readonly key: string
  readonly error: IcfError
}

/** More keys than this are not named in a message. */
const KEYS_NAMED = 5

/** Several calls with one promise: it settles when all of them have, with an error that names the keys that failed. */
export class Group {
  #results: unknown[] = []
  #left = 0
  readonly #failures: Failure[] = []

  /** @param isRead its error carries what the calls found that went well */
  constructor(
    readonly resolve: (results: unknown[]) => void,
    readonly reject: Reject,
    private readonly isRead: boolean,
  ) {}

  /** Before the first of its calls is submitted. */
  expect(count: number): void {
    this.#left = count
    this.#results = new Array<unknown>(count)
  }

  done(index: number, value: unknown): void {
    this.#results[index] = value
    this.#finish()
  }

  failed(key: string, error: IcfError): void {
    this.#failures.push({ key, error })
    this.#finish()
  }

  #finish(): void {
    if (--this.#left > 0) return
    if (this.#failures.length === 0) this.resolve(this.#results)
    else this.reject(failureOf(this.#failures, this.#results, this.isRead))
  }
}

function failureOf(failures: readonly Failure[], results: readonly unknown[], isRead: boolean): IcfError {
  // Where one of them must not simply be repeated, all of them must not.
  const { error } = failures.find((failure) => !failure.error.retryable) ?? failures[0]!
  const keys = failures.map(({ key }) => key)
  const which = keys.length === 1 ? '' : ` (${named(keys)})`
  return new IcfError(
    error.code,
    `${keys.length} of ${results.length} keys failed${which}: ${error.message}`,
    {
      cause: error.cause,
      keys,
      ...(isRead && { values: Array.from(results) }),
    },
  )
}

function named(keys: readonly string[]): string {
  const first = keys.slice(0, KEYS_NAMED).map(quoteKey).join(', ')
  return keys.length > KEYS_NAMED ? `${first} and ${keys.length - KEYS_NAMED} more` : first
}

/** A key as messages show it. */
export function quoteKey(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key)
}
