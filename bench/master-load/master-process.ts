import { MessageType } from '@icf/common'
import { dial, nodeRuntime } from '@icf/common/node'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cpuTimeMs } from '../cpu-time.js'
import { freePort } from '@icf/testkit/ports'
import { profiling } from '../profiling.js'

const CLI = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url))
const TIMEOUT_MS = 30_000

/** What is used here of what `icf status --json` prints. */
export interface Status {
  readonly settled: boolean
  readonly movesPending: number
  readonly transitions: number
  readonly slotsServed: number
  readonly servers: readonly { readonly state: string }[]
}

/** A real master with its state on disk, which can be killed and started again. It ends with this process. */
export class MasterProcess {
  readonly #dir = mkdtempSync(join(tmpdir(), 'icf-bench-'))
  readonly #cpuProfileDir: string | undefined
  readonly port: number
  #child!: ChildProcess

  private constructor(port: number, cpuProfileDir: string | undefined) {
    this.port = port
    this.#cpuProfileDir = cpuProfileDir
    process.on('exit', () => {
      this.#child.kill('SIGKILL')
      rmSync(this.#dir, { recursive: true, force: true })
    })
    this.start()
  }

  static async start(cpuProfileDir: string | undefined): Promise<MasterProcess> {
    return new MasterProcess(await freePort(), cpuProfileDir)
  }

  start(): void {
    const args = ['--port', String(this.port), '--http-port', '0', '--data-dir', this.#dir]
    this.#child = fork(CLI, ['master', ...args], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, ...profiling(this.#cpuProfileDir, 'icf') },
    })
  }

  /** @param signal SIGTERM where it has a profile to write */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#child.kill(signal)
    await once(this.#child, 'exit')
  }

  /** User and system time of this process so far, in ms. */
  get cpuMs(): number {
    return cpuTimeMs([this.#child.pid!])!
  }

  /** @throws IcfError while it does not listen, TIMEOUT after 30 s */
  async status(): Promise<Status> {
    return (await this.#ask('STATUS')) as Status
  }

  /** Types of the entries of the event log. @throws as `status` */
  async events(): Promise<string[]> {
    const { events } = (await this.#ask('EVENTS')) as { events: { type: string }[] }
    return events.map(({ type }) => type)
  }

  async #ask(name: string): Promise<unknown> {
    const self = { role: 'admin' as const, cluster: 'icf', id: '', details: [] }
    const link = await dial(nodeRuntime, { host: '127.0.0.1', port: this.port }, self, TIMEOUT_MS)
    try {
      return await new Promise((resolve, reject) => {
        link.handlers = {
          message: ([type, , isDone, result]) => {
            if (type === MessageType.ADMIN_RESPONSE && isDone === true) resolve(result)
            else reject(new Error(`the master answers ${name} with ${String(result)}`))
          },
          close: () => reject(new Error(`no answer to ${name}`)),
        }
        link.send([MessageType.ADMIN_REQUEST, 1, name, {}])
      })
    } finally {
      link.terminate()
    }
  }
}
