import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

export interface MainRun {
  /** Null when it was killed, such as for its time being over. */
  readonly code: number | null
  /** What it wrote, to wherever. */
  readonly output: string
}

/**
 * A simulated cluster's functions live as short as it does: compiled in the background, many are no more when they are
 * ready. In one thread two processes on two cores ran 200 seeds each in 53 s instead of 68 s (Node 20).
 */
const FLAGS: readonly string[] = ['--single-threaded']

/** Simulates in a process of its own. @param timeoutMs after which it is killed; undefined: never */
export function runMain(args: readonly string[], timeoutMs?: number): Promise<MainRun> {
  return runNode([...FLAGS, MAIN, ...args], timeoutMs)
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
