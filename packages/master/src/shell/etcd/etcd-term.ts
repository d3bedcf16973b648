import { IcfError } from '@icf/common'
import type { Term } from '../coordination.js'
import type { StoredState } from '../state-file.js'

export interface EtcdTermPorts {
  validUntil(): number
  /** @returns whether this master was still the active one when the state was put. @throws IcfError UNREACHABLE */
  put(state: StoredState): Promise<boolean>
  surpassed(epoch: number): void
  /** Another master has the right, or may have. */
  over(): void
}

/** The time for which a master has the key of the active one in etcd. */
export class EtcdTerm implements Term {
  readonly lost: Promise<void>
  #end!: () => void
  #isOver = false
  #writing: Promise<unknown> = Promise.resolve()

  constructor(
    readonly epoch: number,
    readonly stored: StoredState | undefined,
    private readonly ports: EtcdTermPorts,
  ) {
    this.lost = new Promise((resolve) => (this.#end = resolve))
  }

  get validUntil(): number {
    return this.#isOver ? -Infinity : this.ports.validUntil()
  }

  /** An older copy of etcd's data may have been put back. */
  get mayBeBehind(): boolean {
    return true
  }

  async commit(state: StoredState): Promise<void> {
    if (this.#isOver) throw over()
    const writing = this.ports.put(state)
    this.#writing = writing.catch(() => undefined)
    if (!(await writing)) {
      this.ports.over()
      throw over()
    }
    if (this.#isOver) throw over()
  }

  /** Nothing is on its way to etcd. */
  async written(): Promise<void> {
    await this.#writing
  }

  surpassed(epoch: number): void {
    if (!this.#isOver) this.ports.surpassed(epoch)
  }

  end(): void {
    this.#isOver = true
    this.#end()
  }
}

function over(): IcfError {
  return new IcfError('TERM_LOST', 'another master is, or is about to be, the active one')
}
