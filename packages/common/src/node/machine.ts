import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

/**
 * Names the machine that this process dies with: the running kernel, so that containers on one host have the same name,
 * and virtual machines names of their own. Where the system does not tell that: the name of the host.
 */
export function machineIdentity(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    return hostname()
  }
}
