import { IcfError, type LoggedEvent, type Runtime, type Timer } from '@icf/common'
import type { Effect } from '../core/index.js'
import type { Term } from './coordination.js'
import type { EventLog } from './event-log.js'
import type { StoredState } from './state-file.js'

const RETRY_MS = 1000

interface Pending {
  readonly state: StoredState
  readonly stamped: readonly LoggedEvent[]
  readonly since: number
}

export interface CommitWatcher {
  /** It is in effect, and so are its events. */
  persisted(version: number, events: readonly LoggedEvent[]): void
  /** It could not be saved. It is tried again, for as long as the term lasts. */
  unsaved(version: number, error: unknown): void
}

/** Makes one state of a term after the other safe. */
export class CommitPump {
  readonly #runtime: Runtime
  readonly #term: Term
  readonly #eventLog: EventLog
  readonly #watcher: CommitWatcher
  readonly #durationMs = { sum: 0, count: 0 }
  #isStateSafe = true
  #writing: Promise<void> = Promise.resolve()
  #retry: Timer | undefined
  #hasEnded = false

  constructor(runtime: Runtime, term: Term, eventLog: EventLog, watcher: CommitWatcher) {
    this.#runtime = runtime
    this.#term = term
    this.#eventLog = eventLog
    this.#watcher = watcher
  }

  /** False while the newest state could not be saved. */
  get isStateSafe(): boolean {
    return this.#isStateSafe
  }

  /** Time that commits took to become safe, in milliseconds. */
  get durationMs(): Readonly<{ sum: number; count: number }> {
    return this.#durationMs
  }

  /** The next one comes only after `persisted`. */
  begin({ state, events }: Extract<Effect, { type: 'persist' }>): void {
    const stamped = this.#eventLog.stamp(events, new Date(this.#runtime.wallTimeMs()))
    const kept = { ...state, events: this.#eventLog.kept(stamped) }
    this.#writing = this.#write({ state: kept, stamped, since: this.#runtime.now() })
  }

  /** What is not safe yet takes no effect any more. Resolves when nothing is being written. */
  end(): Promise<void> {
    this.#hasEnded = true
    this.#runtime.clear(this.#retry)
    return this.#writing
  }

  async #write(pending: Pending): Promise<void> {
    try {
      await this.#term.commit(pending.state)
    } catch (error) {
      return this.#failed(pending, error)
    }
    if (!this.#hasEnded) this.#succeeded(pending)
  }

  #failed(pending: Pending, error: unknown): void {
    if (this.#hasEnded) return
    this.#isStateSafe = false
    // Whoever watches the term is told by it.
    if (error instanceof IcfError && error.code === 'TERM_LOST') return
    this.#retry = this.#runtime.setTimeout(() => {
      this.#writing = this.#write(pending)
    }, RETRY_MS)
    this.#watcher.unsaved(pending.state.topology.version, error)
  }

  #succeeded({ state, stamped, since }: Pending): void {
    this.#isStateSafe = true
    this.#durationMs.sum += this.#runtime.now() - since
    this.#durationMs.count++
    this.#eventLog.append(stamped)
    this.#watcher.persisted(state.topology.version, stamped)
  }
}
