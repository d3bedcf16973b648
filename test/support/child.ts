import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { HERE, type Place } from './place.js'

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

const KEPT_OUTPUT_CHARACTERS = 200_000

/** A process under test, with what it said. It does not outlive the test process. */
export class Child {
  readonly #process: ChildProcess
  readonly exited: Promise<Exit>
  #exit: Exit | undefined
  #stdout = ''
  #stderr = ''

  constructor(
    /** For messages. */
    readonly name: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
    { prefix }: Place = HERE,
    program = process.execPath,
  ) {
    const [first, ...others] = [...prefix, program, ...args]
    const child = spawn(first!, others, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...cleanEnvironment(), ...env },
    })
    this.#process = child
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#stdout = tail(this.#stdout + text)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr = tail(this.#stderr + text)))
    tellReaper(`+${this.pid}`)
    // 'close' comes after the last output.
    this.exited = once(child, 'close').then(([code, signal]) => {
      tellReaper(`-${this.pid}`)
      this.#exit = { code, signal } as Exit
      return this.#exit
    })
  }

  get pid(): number {
    return this.#process.pid!
  }

  get isRunning(): boolean {
    return this.#exit === undefined
  }

  /** How it ended; undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** For the report of a failed test. */
  transcript(lines = 40): string {
    const state = this.#exit ? `ended with ${this.#exit.signal ?? this.#exit.code}` : 'runs'
    const text = `${this.#stdout}\n${this.#stderr}`.trim().split('\n').slice(-lines).join('\n')
    return `--- ${this.name} (pid ${this.pid}, ${state})\n${text}`
  }
}

function tail(text: string): string {
  return text.length > 2 * KEPT_OUTPUT_CHARACTERS ? text.slice(-KEPT_OUTPUT_CHARACTERS) : text
}

/** Neither this machine's settings of icf nor the test runner's reach what is tested. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const isForeign = (name: string): boolean => name.startsWith('ICF_') || name === 'NODE_TEST_CONTEXT'
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !isForeign(name)))
}

let reaper: ChildProcess | undefined

/** @param line `+pid` of what must not outlive the tests, `-pid` of what has ended */
export function tellReaper(line: string): void {
  reaper ??= startReaper()
  reaper.stdin!.write(`${line}\n`)
}

function startReaper(): ChildProcess {
  const file = fileURLToPath(new URL('./reaper.js', import.meta.url))
  // In a group of its own, so that Ctrl-C ends the tests and not what cleans up after them.
  const started = spawn(process.execPath, [file], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  started.unref()
  ;(started.stdin as unknown as { unref(): void }).unref()
  started.stdin.on('error', () => undefined)
  return started
}
