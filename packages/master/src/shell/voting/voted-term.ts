import { IcfError } from '@icf/common'
import type { Term } from '../coordination.js'
import type { StoredState } from '../state-file.js'

interface Commit {
  readonly state: StoredState
  done(): void
  failed(error: IcfError): void
}

export interface TermPorts {
  validUntil(): number
  /** Something is to be committed: `take` gives it. */
  wanted(): void
  surpassed(epoch: number): void
}

/** The time for which the voters have made this master the active one. */
export class VotedTerm implements Term {
  readonly lost: Promise<void>
  #end!: () => void
  #isOver = false
  /** What waits for its turn, and then what is on its way to the voters. */
  #wanted: Commit | undefined
  #proposed: Commit | undefined

  constructor(
    readonly epoch: number,
    readonly stored: StoredState | undefined,
    private readonly ports: TermPorts,
  ) {
    this.lost = new Promise((resolve) => (this.#end = resolve))
  }

  get validUntil(): number {
    return this.#isOver ? -Infinity : this.ports.validUntil()
  }

  /** Whoever was elected knows what was in effect; whoever founds a cluster may have forgotten one. */
  get mayBeBehind(): boolean {
    return this.stored === undefined
  }

  commit(state: StoredState): Promise<void> {
    return new Promise((done, failed) => {
      if (this.#isOver) return failed(over())
      this.#wanted = { state, done, failed }
      this.ports.wanted()
    })
  }

  surpassed(epoch: number): void {
    if (!this.#isOver) this.ports.surpassed(epoch)
  }

  /** Whether something waits for its turn. */
  get isWaiting(): boolean {
    return this.#wanted !== undefined
  }

  /** What is to be proposed next, if there is anything: it is on its way from then on. */
  take(): StoredState | undefined {
    if (this.#wanted) [this.#proposed, this.#wanted] = [this.#wanted, undefined]
    return this.#proposed?.state
  }

  /** What was taken is in effect. */
  agreed(): void {
    const commit = this.#proposed
    this.#proposed = undefined
    commit?.done()
  }

  end(): void {
    this.#isOver = true
    for (const commit of [this.#proposed, this.#wanted]) commit?.failed(over())
    this.#end()
  }
}

function over(): IcfError {
  return new IcfError('TERM_LOST', 'another master is, or is about to be, the active one')
}
