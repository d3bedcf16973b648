import { Violation } from './violation.js'

/** What a client asks of one key. Every stored value is a new one, so that a read tells which write it saw. */
export type Operation =
  { readonly kind: 'set'; readonly value: string } | { readonly kind: 'delete' | 'get' | 'has' }

/** What came back: the value of a get (undefined: a miss), true or false of delete and has, nothing of set. */
export type Result = string | boolean | undefined

interface Pending {
  readonly operation: Operation
  /** The caller gave up: it may still happen, at any time, or never. */
  isAbandoned: boolean
}

/** One way in which everything so far could have happened one after the other. */
interface Possibility {
  readonly value: string | undefined
  /** Bits of the pending writes that have taken effect in it, … */
  readonly done: number
  /** … and of those the deletes that found something. */
  readonly found: number
  /** What the key held since each pending read began: it may have seen any of it. */
  readonly seen: readonly (readonly (string | undefined)[] | undefined)[]
}

/** So many calls of one key may be pending, each has a bit of a mask. */
const MAX_PENDING = 30

/**
 * Invariant 3, for one key: whether the answers could have come from one copy of the data that carries out one call after
 * the other, each between its begin and its answer. It keeps all possible orders at once and looks at every answer when
 * it comes: G. Lowe, "Testing for linearizability", Concurrency and Computation 29 (2017), the just-in-time search.
 *
 * A key that may be evicted can vanish at any time; what it never may is come back.
 */
export class LinearizableKey {
  #possible: readonly Possibility[] = [{ value: undefined, done: 0, found: 0, seen: [] }]
  readonly #pending: (Pending | undefined)[] = []
  #abandoned = 0

  constructor(
    readonly name: string,
    private readonly mayVanish: boolean,
  ) {}

  /** Calls whose outcome nobody knows, and that may still happen: each doubles what is possible. */
  get abandoned(): number {
    return this.#abandoned
  }

  /** Calls that may still happen. What is possible grows exponentially with them. */
  get pending(): number {
    return this.#pending.reduce((count, call) => count + (call ? 1 : 0), 0)
  }

  /** @returns the number of the call */
  begin(operation: Operation): number {
    let bit = this.#pending.indexOf(undefined)
    if (bit === -1) bit = this.#pending.length
    if (bit >= MAX_PENDING) throw new RangeError(`more than ${MAX_PENDING} calls of ${this.name} are pending`)
    this.#pending[bit] = { operation, isAbandoned: false }
    if (isRead(operation))
      this.#possible = this.#possible.map((possible) => withSeen(possible, bit, [possible.value]))
    return bit
  }

  /** The call failed, and it is not known whether it was carried out. */
  abandon(call: number): void {
    const pending = this.#pending[call]!
    if (isRead(pending.operation)) return this.cancel(call)
    pending.isAbandoned = true
    this.#abandoned++
  }

  /**
   * The call failed, and was not carried out.
   * @throws Violation when somebody saw it
   */
  cancel(call: number): void {
    const bit = 1 << call
    const { operation } = this.#pending[call]!
    const possible = this.#possible
      .filter(({ done }) => (done & bit) === 0)
      .map((each) => withSeen(each, call, undefined))
    this.#pending[call] = undefined
    if (possible.length === 0)
      throw new Violation(
        `invariant 3: ${this.name}: ${describe({ operation, isAbandoned: false })} was said not to have happened, but was seen`,
      )
    this.#possible = possible
  }

  /** @throws Violation when no order explains this answer and all before it */
  end(call: number, result: Result): void {
    const { operation } = this.#pending[call]!
    const before = this.#possible
    const bit = 1 << call
    const after = new Possibilities()
    for (const possible of this.#closure(call, result)) {
      if (!isExplained(possible, call, operation, result)) continue
      const { value, done, found, seen } = possible
      after.add({ value, done: done & ~bit, found: found & ~bit, seen: replaced(seen, call, undefined) })
    }
    this.#pending[call] = undefined
    const possible = after.all()
    if (possible.length === 0) throw new Violation(this.#explain(operation, result, before))
    this.#possible = possible
  }

  /** All that can have happened by now: what is possible, with pending writes that took effect after it. */
  #closure(call: number, result: Result): readonly Possibility[] {
    const { operation } = this.#pending[call]!
    const reached = new Possibilities()
    const queue: Possibility[] = []
    const reach = (possible: Possibility): void => {
      if (reached.add(possible)) queue.push(possible)
    }
    this.#possible.forEach(reach)
    for (let possible = queue.pop(); possible; possible = queue.pop()) {
      // Once the answer is explained, what follows it may as well take effect later.
      if (isExplained(possible, call, operation, result)) continue
      const { value, done, found } = possible
      if (this.mayVanish && value !== undefined) reach(became(possible, undefined, done, found))
      for (let other = 0; other < this.#pending.length; other++) {
        const pending = this.#pending[other]
        const bit = 1 << other
        if (!pending || isRead(pending.operation) || (done & bit) !== 0) continue
        const { operation: write, isAbandoned } = pending
        if (write.kind === 'set') reach(became(possible, write.value, done | bit, found))
        // What an abandoned delete found, nobody will ask.
        else
          reach(
            became(possible, undefined, done | bit, value === undefined || isAbandoned ? found : found | bit),
          )
      }
    }
    return reached.all()
  }

  #explain(operation: Operation, result: Result, before: readonly Possibility[]): string {
    const { kind } = operation
    const what = kind === 'set' ? `set ${operation.value}` : `${kind} = ${result ?? 'nothing'}`
    const pending = this.#pending.flatMap((call) => (call && !isRead(call.operation) ? [describe(call)] : []))
    const values = new Set(before.map(({ value }) => value ?? 'nothing'))
    return `invariant 3: ${this.name}: ${what} can not be; before it, it held ${[...values].join(' or ')}; pending: ${pending.join(', ') || 'no write'}`
  }
}

function describe({ operation, isAbandoned }: Pending): string {
  const text = operation.kind === 'set' ? `set ${operation.value}` : operation.kind
  return isAbandoned ? `${text} (abandoned)` : text
}

export function isRead({ kind }: Operation): boolean {
  return kind === 'get' || kind === 'has'
}

function isExplained(
  { done, found, seen }: Possibility,
  call: number,
  { kind }: Operation,
  result: Result,
): boolean {
  const bit = 1 << call
  switch (kind) {
    case 'set':
      return (done & bit) !== 0
    case 'delete':
      return (done & bit) !== 0 && result === ((found & bit) !== 0)
    case 'get':
      return seen[call]!.includes(result as string | undefined)
    case 'has':
      return seen[call]!.some((value) => result === (value !== undefined))
  }
}

/** The key holds this now; every pending read may have seen it. */
function became(from: Possibility, value: string | undefined, done: number, found: number): Possibility {
  const seen = from.seen.map((values) => (!values || values.includes(value) ? values : [...values, value]))
  return { value, done, found, seen }
}

function withSeen(
  { value, done, found, seen }: Possibility,
  call: number,
  values: readonly (string | undefined)[] | undefined,
): Possibility {
  return { value, done, found, seen: replaced(seen, call, values) }
}

function replaced<T>(list: readonly T[], at: number, item: T): T[] {
  const next = [...list]
  next[at] = item
  return next
}

/** By value and pending writes: of those that differ only in what reads may have seen, the ones that allow most. */
class Possibilities {
  #all: Possibility[] = []

  /** False when one that allows as much is there already. */
  add(possible: Possibility): boolean {
    for (const other of this.#all) if (isAlike(other, possible) && allowsAll(other, possible)) return false
    const isNeeded = (other: Possibility): boolean => !isAlike(other, possible) || !allowsAll(possible, other)
    if (!this.#all.every(isNeeded)) this.#all = this.#all.filter(isNeeded)
    this.#all.push(possible)
    return true
  }

  all(): readonly Possibility[] {
    return this.#all
  }
}

function isAlike(one: Possibility, other: Possibility): boolean {
  return one.done === other.done && one.found === other.found && one.value === other.value
}

/** Whether every pending read may have seen with `one` what it may have with `other`. */
function allowsAll(one: Possibility, other: Possibility): boolean {
  return other.seen.every((values, call) => values?.every((value) => one.seen[call]!.includes(value)) ?? true)
}
