import type { LinearizableKey, Operation } from './checkers/linearizable.js'

/** One operation on one key that is under way: a call by itself, or a part of one for many keys. */
export interface KeyCall {
  /** What the workload calls the key, whose name changes when it is given up. */
  readonly name: string
  readonly key: LinearizableKey
  readonly operation: Operation
  /** Its number there. */
  readonly call: number
}
