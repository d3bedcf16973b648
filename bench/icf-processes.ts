import { execFile, fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freeBasePort } from './ports.js'

const CLI = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url))

/** A master and cache servers as processes of their own, which end with this one. */
export class IcfProcesses {
  readonly servers: ChildProcess[] = []
  readonly #all: ChildProcess[] = []
  readonly #kill = (): void => this.#all.forEach((child) => child.kill('SIGKILL'))

  private constructor(readonly master: string) {
    process.on('exit', this.#kill)
  }

  get masterProcess(): ChildProcess {
    return this.#all[0]!
  }

  static async start(servers: number, ...serverOptions: string[]): Promise<IcfProcesses> {
    const port = await freeBasePort([0])
    const processes = new IcfProcesses(`127.0.0.1:${port}`)
    processes.#run('master', '--port', String(port), '--http-port', '0', '--data-dir', 'none')
    for (let i = 0; i < servers; i++) await processes.addServer(...serverOptions)
    return processes
  }

  async addServer(...options: string[]): Promise<void> {
    const port = String(await freeBasePort([0]))
    this.servers.push(this.#run('cache', '--port', port, '--masters', this.master, ...options))
  }

  /** Every slot served, every backup complete, no move pending. */
  async settled(): Promise<void> {
    await promisify(execFile)(process.execPath, [
      CLI,
      'status',
      '--masters',
      this.master,
      '--wait',
      '--timeout',
      '120s',
    ])
  }

  async end(): Promise<void> {
    for (const child of this.#all) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    process.off('exit', this.#kill)
  }

  #run(...args: string[]): ChildProcess {
    const child = fork(CLI, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    this.#all.push(child)
    return child
  }
}
