import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

export interface MainRun {
  /** Null when it was killed, such as for its time being over. */
  readonly code: number | null
  /** What it wrote, to wherever. */
  readonly output: string
}

/** Simulates in a process of its own. @param timeoutMs after which it is killed; undefined: never */
export function runMain(args: readonly string[], timeoutMs?: number): Promise<MainRun> {
  return runNode([MAIN, ...args], timeoutMs)
}

/** @param args a file, and what it is given */
export function runNode(args: readonly string[], timeoutMs?: number): Promise<MainRun> {
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
  })
}
