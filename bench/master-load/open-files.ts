import { readFileSync } from 'node:fs'

/** What a process opens beside its connections. */
const OTHER_FILES = 100

/**
 * The simulated clients' process and the master have a file open for each connection; Node takes as many as it may have.
 * @throws Error when that is too few
 */
export function requireOpenFiles(connections: number): void {
  const [, hard] = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))!
  if (hard === 'unlimited' || Number(hard) >= connections + OTHER_FILES) return
  throw new Error(
    `${connections} connections need ${connections + OTHER_FILES} open files, and this process may have ${hard}: raise it with ulimit -n`,
  )
}
