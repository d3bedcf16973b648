import { IcfError, quoteKey, type Key } from '@icf/common'
import type { Reject } from './call.js'
import type { GivenKey } from './key.js'

interface Failure {
  /** Place in the group. */
  readonly index: number
  readonly key: Key
  readonly error: IcfError
}

/** More keys than this are not named in a message. */
const KEYS_NAMED = 5

/** Several calls with one promise: it settles when all of them have, with an error that names the keys that failed. */
export class Group {
  #results: unknown[] = []
  #left = 0
  readonly #failures: Failure[] = []

  /**
   * @param given the key of each call as its caller has it: so its error names them
   * @param isRead its error carries what the calls found that went well
   */
  constructor(
    readonly resolve: (results: unknown[]) => void,
    readonly reject: Reject,
    private readonly given: readonly GivenKey[],
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

  failed(index: number, key: Key, error: IcfError): void {
    this.#failures.push({ index, key, error })
    this.#finish()
  }

  #finish(): void {
    if (--this.#left > 0) return
    if (this.#failures.length === 0) this.resolve(this.#results)
    else this.reject(failureOf(this.#failures, this.given, this.#results, this.isRead))
  }
}

function failureOf(
  failures: readonly Failure[],
  given: readonly GivenKey[],
  results: readonly unknown[],
  isRead: boolean,
): IcfError {
  // Where one of them must not simply be repeated, all of them must not.
  const { error } = failures.find((failure) => !failure.error.retryable) ?? failures[0]!
  const keys = failures.map(({ index }) => given[index]!)
  const which = keys.length === 1 ? '' : ` (${named(failures)})`
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

function named(failures: readonly Failure[]): string {
  const first = failures
    .slice(0, KEYS_NAMED)
    .map(({ key }) => quoteKey(key))
    .join(', ')
  return failures.length > KEYS_NAMED ? `${first} and ${failures.length - KEYS_NAMED} more` : first
}
