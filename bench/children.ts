import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export type StopBy = 'disconnect' | NodeJS.Signals

const PATIENCE_MS = 10_000

/** Every process that this run started. None outlives it, however it ends. */
export class Children {
  readonly #running = new Map<ChildProcess, StopBy>()
  /** Processes that children of ours started: killed at the end if their parent did not. */
  readonly #grandchildren: number[] = []

  constructor() {
    process.on('exit', () => this.#killAll())
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => void this.stop().finally(() => process.exit(130)))
  }

  add(child: ChildProcess, stopBy: StopBy): void {
    this.#running.set(child, stopBy)
    child.once('exit', () => this.#running.delete(child))
  }

  addPids(pids: readonly number[]): void {
    this.#grandchildren.push(...pids)
  }

  /** Asks all of them, clients first, and kills those that do not go. */
  async stop(): Promise<void> {
    const timer = setTimeout(() => this.#killAll(), PATIENCE_MS)
    for (const [child, stopBy] of [...this.#running].reverse()) {
      const gone = once(child, 'exit')
      if (stopBy !== 'disconnect') child.kill(stopBy)
      else if (child.connected) child.disconnect()
      await gone
    }
    clearTimeout(timer)
  }

  #killAll(): void {
    if (this.#running.size > 0) this.#grandchildren.forEach(killPid)
    for (const child of this.#running.keys()) child.kill('SIGKILL')
  }
}

function killPid(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has gone by itself.
  }
}
