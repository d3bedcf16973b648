import type { PendingCall } from '../core/call.js'

/**
 * Watches the signals that calls were given, with one listener for each signal however many calls share it: Node warns
 * of a leak from the eleventh on.
 */
export class AbortWatches {
  readonly #abort: (call: PendingCall, reason: unknown) => void
  readonly #bySignal = new WeakMap<AbortSignal, Set<PendingCall>>()

  constructor(abort: (call: PendingCall, reason: unknown) => void) {
    this.#abort = abort
  }

  /** Until the call is settled. The signal must not be aborted yet. */
  watch(signal: AbortSignal, call: PendingCall): void {
    const calls = this.#bySignal.get(signal) ?? this.#listen(signal)
    calls.add(call)
    call.cleanup = () => {
      calls.delete(call)
      if (calls.size === 0) this.#unlisten(signal)
    }
  }

  #listen(signal: AbortSignal): Set<PendingCall> {
    const calls = new Set<PendingCall>()
    this.#bySignal.set(signal, calls)
    signal.addEventListener('abort', this.#onAbort, { once: true })
    return calls
  }

  #unlisten(signal: AbortSignal): void {
    this.#bySignal.delete(signal)
    signal.removeEventListener('abort', this.#onAbort)
  }

  readonly #onAbort = ({ target }: Event): void => {
    const signal = target as AbortSignal
    for (const call of [...(this.#bySignal.get(signal) ?? [])]) this.#abort(call, signal.reason)
  }
}
