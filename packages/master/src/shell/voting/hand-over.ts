import { IcfError, type MasterStatus, type Runtime, type Timer } from '@icf/common'
import { formatAddress } from '@icf/common/node'

/** For so long an active master proposes nothing, and waits for its heir to have everything, in ms. */
const HAVE_MS = 1000
/** For so long, once it is active no more, it waits for its heir to be, in ms. */
const FOLLOW_MS = 3000

/** An active master's attempt to make a standby the active one. */
export class HandOver {
  /** Which master is active by it, and this one keeps what that has decided first. */
  readonly done: Promise<string>
  #resolve!: (active: string) => void
  #reject!: (error: IcfError) => void
  #timer: Timer | undefined
  /** Whether the term has ended, and the heir is told. */
  #hasEnded = false

  constructor(
    private readonly runtime: Runtime,
    readonly heir: MasterStatus,
  ) {
    this.done = new Promise((resolve, reject) => ([this.#resolve, this.#reject] = [resolve, reject]))
    this.#waitFor(HAVE_MS)
  }

  ended(): void {
    this.#hasEnded = true
    this.runtime.clear(this.#timer)
    this.#waitFor(FOLLOW_MS)
  }

  /** That master has a later term, and its first decision is kept here. */
  followed(active: string): void {
    if (!this.#hasEnded) return
    this.runtime.clear(this.#timer)
    this.#resolve(active)
  }

  /** @param why nothing more is to be expected of the heir */
  failed(why: string): void {
    this.runtime.clear(this.#timer)
    const name = `master ${formatAddress(this.heir)}`
    this.#reject(
      this.#hasEnded
        ? new IcfError('TERM_LOST', `${name} was to be active, and is not ${why}: "icf status" tells who is`)
        : new IcfError('TIMEOUT', `${name} does not have the newest state ${why}: this master goes on`),
    )
  }

  #waitFor(ms: number): void {
    this.#timer = this.runtime.setTimeout(() => this.failed(`within ${ms} ms`), ms)
  }
}
