export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export const SIGNAL_NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }

/**
 * On Ctrl-C the terminal signals every process of its group, and npm and npx then pass the signal on once more: two
 * that come this close together are one.
 */
const SAME_SIGNAL_MS = 300

export interface StopHandlers {
  readonly first: (signal: StopSignal) => void
  /** Whoever signals again does not want to wait. */
  readonly again: (signal: StopSignal) => void
}

export function onStopSignal({ first, again }: StopHandlers): void {
  const lastSeenMs = new Map<StopSignal, number>()
  let isStopping = false
  for (const signal of Object.keys(SIGNAL_NUMBERS) as StopSignal[])
    process.on(signal, () => {
      const nowMs = performance.now()
      const agoMs = nowMs - (lastSeenMs.get(signal) ?? -Infinity)
      lastSeenMs.set(signal, nowMs)
      if (agoMs < SAME_SIGNAL_MS) return
      if (isStopping) return again(signal)
      isStopping = true
      first(signal)
    })
}

/** The exit code that a shell gives a process which a signal ended. */
export function signalExitCode(signal: StopSignal): number {
  return 128 + SIGNAL_NUMBERS[signal]
}
