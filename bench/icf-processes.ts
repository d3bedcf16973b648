import { execFile, fork, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ClusterEvent, Status } from '@icf/common'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { freeBasePort, freePort } from '@icf/testkit/ports'

const CLI = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url))

export interface IcfOptions {
  readonly servers: number
  /** One is alone; several vote for the active one. Default 1. */
  readonly masters?: number
  /** More options for every cache server. */
  readonly serverOptions?: readonly string[]
}

/** Masters and cache servers as processes of their own, which end with this one. */
export class IcfProcesses {
  readonly servers: ChildProcess[] = []
  readonly masterProcesses: ChildProcess[] = []
  readonly #all: ChildProcess[] = []
  readonly #folder = mkdtempSync(join(tmpdir(), 'icf-bench-'))
  readonly #kill = (): void => {
    for (const child of this.#all) child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** @param masters their addresses */
  private constructor(
    readonly masters: readonly string[],
    private readonly serverOptions: readonly string[],
  ) {
    process.on('exit', this.#kill)
  }

  static async start({ servers, masters = 1, serverOptions = [] }: IcfOptions): Promise<IcfProcesses> {
    const base = await freeBasePort(Array.from({ length: masters }, (_, i) => i))
    const addresses = Array.from({ length: masters }, (_, i) => `127.0.0.1:${base + i}`)
    const processes = new IcfProcesses(addresses, serverOptions)
    for (let i = 0; i < masters; i++) processes.restartMaster(i)
    for (let i = 0; i < servers; i++) await processes.addServer()
    return processes
  }

  /** On its port and, where there are several, its state; at first, too. */
  restartMaster(index: number): void {
    const port = this.masters[index]!.split(':')[1]!
    const isAlone = this.masters.length === 1
    const dataDir = isAlone ? 'none' : join(this.#folder, port)
    const peers = isAlone ? [] : ['--peers', this.masters.join(',')]
    this.masterProcesses[index] = this.#run('master', '--port', port, '--http-port', '0', '--data-dir', dataDir, ...peers) // prettier-ignore
  }

  /** Waits until each of two masters is there, and has a vote. @returns the number of the active one, and its epoch */
  async untilBothVote(): Promise<{ active: number; epoch: number }> {
    for (;;) {
      const status = await this.#status().catch(() => undefined)
      if (!status) continue
      const { masters, epoch } = status
      if (masters.length < 2 || !masters.every(({ alive, isVoter }) => alive && isVoter)) continue
      const { host, port } = masters.find(({ role }) => role === 'active')!
      return { active: this.masters.indexOf(`${host}:${port}`), epoch }
    }
  }

  async addServer(): Promise<void> {
    const port = String(await freePort())
    this.servers.push(
      this.#run('cache', '--port', port, '--masters', this.masters.join(','), ...this.serverOptions),
    )
  }

  /**
   * Adds one to those that there are, of which none has ended, and returns when all is settled again.
   * @param joined told when the master has taken it in
   * @returns what was moved
   */
  async join(joined: () => void): Promise<ClusterEvent> {
    await this.addServer()
    const log = spawn(
      process.execPath,
      [CLI, 'events', '--follow', '--json', '--masters', this.masters.join(',')],
      {
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    let joins = 0
    let moved: ClusterEvent = { type: 'MOVED' }
    try {
      for await (const line of createInterface(log.stdout)) {
        const event = JSON.parse(line) as ClusterEvent
        if (event.type === 'ADD_CACHE_SERVER' && ++joins === this.servers.length) joined()
        if (joins < this.servers.length) continue
        if (event.type === 'MOVED') moved = event
        if (event.type === 'SETTLED') return moved
      }
    } finally {
      log.kill('SIGKILL')
    }
    throw new Error('the event log ended before all was settled')
  }

  /** Every slot served, every backup complete, no move pending. */
  async settled(): Promise<void> {
    await this.#status('--wait', '--timeout', '120s')
  }

  /** @returns how long it took from asking for it to the next master's first version, in ms */
  async failover(): Promise<number> {
    const { seconds } = (await this.#icf('failover')) as { seconds: number }
    return seconds * 1000
  }

  async #status(...options: string[]): Promise<Status> {
    return (await this.#icf('status', ...options)) as Status
  }

  async #icf(...args: string[]): Promise<unknown> {
    const { stdout } = await promisify(execFile)(process.execPath, [CLI, ...args, '--json', '--masters', this.masters.join(',')]) // prettier-ignore
    return JSON.parse(stdout) as unknown
  }

  async end(): Promise<void> {
    for (const child of this.#all) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    process.off('exit', this.#kill)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #run(...args: string[]): ChildProcess {
    const child = fork(CLI, args, { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    this.#all.push(child)
    return child
  }
}
