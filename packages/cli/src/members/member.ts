import { fork, type ChildProcess, type StdioOptions } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { closeSync, createWriteStream, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { formatAddress } from '@icf/common/node'
import { Exit, type ErrorReport } from '../errors.js'
import { supervisedEnvironment, type ChildMessage, type WhenLetGo } from '../supervised.js'

export type MemberKind = 'master' | 'cache'

export interface MemberOptions {
  readonly kind: MemberKind
  readonly host: string
  readonly port: number
  /** Of `icf master` or `icf cache`. */
  readonly args: readonly string[]
  /** Of `node`, beside what this process was given. */
  readonly nodeArgs: readonly string[]
  /** What it does when the channel to this process closes. */
  readonly whenLetGo: WhenLetGo
  /** Where what it writes goes; undefined: where this process writes. */
  readonly logPath?: string
  /** Show what it logs, too. */
  readonly verbose?: boolean
}

/** How a process ended. */
export interface Ending {
  readonly pid: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it said about why, if it could. */
  readonly error: ErrorReport | undefined
  /** It had told that it listens. */
  readonly wasReady: boolean
}

interface MemberEvents {
  changed: []
  ended: [Ending]
}

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))

/**
 * A master or cache server as a child of this process, in a process group of its own: Ctrl-C in the terminal reaches only
 * this one. It ends by itself when the IPC channel between them closes.
 */
export class Member extends EventEmitter<MemberEvents> {
  #child: ChildProcess | undefined
  #error: ErrorReport | undefined
  #starts = 0
  /** '' until it told. */
  id = ''
  isReady = false

  constructor(readonly options: MemberOptions) {
    super()
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** For people: `cache server 127.0.0.1:7101`. */
  get name(): string {
    const kind = this.options.kind === 'master' ? 'master' : 'cache server'
    return `${kind} ${formatAddress(this.options)}`
  }

  start(): void {
    const { kind, args, nodeArgs, logPath, verbose, whenLetGo } = this.options
    const log = this.#openLog()
    const output = logPath === undefined ? 'inherit' : verbose ? 'pipe' : (log ?? 'ignore')
    const stdio: StdioOptions = ['ignore', output, output, 'ipc']
    const child = fork(MAIN, [kind, ...args], {
      detached: true,
      execArgv: [...nodeArgs, ...process.execArgv],
      stdio,
      env: supervisedEnvironment(process.env, whenLetGo),
    })
    if (log !== undefined) closeSync(log)
    this.#child = child
    this.#error = undefined
    this.isReady = false
    if (output === 'pipe') this.#showOutput(child, logPath!)
    child.on('message', (message) => this.#heard(message as ChildMessage))
    child.on('error', (error) => {
      this.#error ??= { exit: Exit.FAILED, code: 'SPAWN', message: error.message }
      if (child.pid === undefined) this.#ended(child, null, null)
    })
    child.once('exit', (code, signal) => {
      // Its last words may still be on their way.
      if (child.connected) child.once('disconnect', () => this.#ended(child, code, signal))
      else this.#ended(child, code, signal)
    })
  }

  /** Closes the channel to it, and so has it end. */
  letGo(): void {
    if (this.#child?.connected) this.#child.disconnect()
  }

  /** Lets it go, and kills it when it has not ended after so long. */
  async stop(graceMs: number): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    this.letGo()
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await ended
    clearTimeout(timer)
  }

  kill(): void {
    this.#child?.kill('SIGKILL')
  }

  /** Undefined where there is none, and when it can not be opened for a further start: no log is better than no process. */
  #openLog(): number | undefined {
    const { logPath } = this.options
    if (logPath === undefined) return undefined
    const isFirst = this.#starts++ === 0
    try {
      mkdirSync(dirname(logPath), { recursive: true })
      return openSync(logPath, isFirst ? 'w' : 'a')
    } catch (error) {
      if (isFirst) throw error
      return undefined
    }
  }

  #heard(message: ChildMessage): void {
    if (message.type === 'failed') {
      this.#error = message.error
      return
    }
    this.id = message.id
    if (message.type === 'listening') this.isReady = true
    this.emit('changed')
  }

  #ended(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    const wasReady = this.isReady
    this.#child = undefined
    this.isReady = false
    this.id = ''
    this.emit('ended', { pid: child.pid ?? 0, code, signal, error: this.#error, wasReady })
  }

  #showOutput(child: ChildProcess, logPath: string): void {
    const file = createWriteStream(logPath, { flags: 'a' })
    file.on('error', () => undefined) // what it can not hold is still shown
    for (const stream of [child.stdout!, child.stderr!])
      createInterface({ input: stream }).on('line', (line) => {
        file.write(`${line}\n`)
        process.stderr.write(`[${this.options.kind} ${this.options.port}] ${line}\n`)
      })
    child.once('close', () => file.end())
  }
}
