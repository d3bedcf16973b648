import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'

/**
 * Environment that makes a Node process, and every one it starts, write a CPU profile when it exits. Node 20 does not
 * take --cpu-prof from NODE_OPTIONS, so a module loaded first does the same.
 */
export function profiling(dir: string | undefined, label: string): NodeJS.ProcessEnv {
  if (dir === undefined) return {}
  mkdirSync(dir, { recursive: true })
  const hook = new URL('./profile-hook.js', import.meta.url).href
  const nodeOptions = [process.env['NODE_OPTIONS'], `--import=${hook}`].filter(Boolean).join(' ')
  return { NODE_OPTIONS: nodeOptions, BENCH_PROFILE_DIR: resolve(dir), BENCH_PROFILE_LABEL: label }
}
