import { waitUntil } from '@icf/testkit/wait'
import { type Child, type Exit, tellReaper } from './child.js'
import { icf } from './icf.js'

/** What one of the processes says on stdout when it listens. */
export interface Process {
  readonly id: string
  readonly port: number
  readonly pid: number
}

/** `icf cache --processes`: a supervisor and its cache servers, none of which outlives the tests. */
export class ProcessRow {
  readonly supervisor: Child
  readonly #pids = new Set<number>()

  /** @param args options of `icf cache` beside these */
  constructor(
    readonly port: number,
    readonly count: number,
    args: readonly (string | number)[],
  ) {
    this.supervisor = icf(['cache', '--json', '--processes', count, '--port', port, ...args])
  }

  /** The newest process at each port, once so many have said that they listen. */
  async listening(starts = this.count): Promise<Process[]> {
    let started: Process[] = []
    await waitUntil(
      () => {
        started = this.#started()
        return started.length >= starts || !this.supervisor.isRunning
      },
      { what: `${starts} processes to listen` },
    )
    if (started.length < starts) throw new Error(`it ended:\n${this.supervisor.transcript()}`)
    return [...new Map(started.map((process) => [process.port, process])).values()]
  }

  /** Resolves when the log of the supervisor, or of a process, has this. */
  async says(text: string): Promise<void> {
    await waitUntil(() => this.supervisor.stderr.includes(text), { what: `the log to say: ${text}` })
  }

  /** Resolves when the supervisor and all its processes have ended: they write where it writes. */
  get exited(): Promise<Exit> {
    return this.supervisor.exited
  }

  async kill(): Promise<void> {
    this.supervisor.signal('SIGKILL')
    this.#started()
    for (const pid of this.#pids) {
      tellReaper(`-${pid}`)
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended.
      }
    }
    await this.exited
  }

  #started(): Process[] {
    const lines = this.supervisor.stdout.split('\n').slice(0, -1)
    const started = lines.map((line) => JSON.parse(line) as Process)
    for (const { pid } of started) {
      if (this.#pids.has(pid)) continue
      this.#pids.add(pid)
      tellReaper(`+${pid}`)
    }
    return started
  }
}
