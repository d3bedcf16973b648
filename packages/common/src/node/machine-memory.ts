import { totalmem } from 'node:os'

const MIB = 1024 ** 2

/** What a machine must have for each byte of --max-memory: docs/memory.md. */
const SHARE = 1.2

/** Bytes that the processes of this machine have in all, or of this container, where that may take less. */
export function machineMemory(): number {
  const total = totalmem()
  // Without a limit Node.js says 0, or more than there is.
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, total) : total
}

/**
 * What to warn of when so many cache servers may together take more than the machine has: the system would end one of them,
 * with all that it holds. Undefined when they may not.
 * @param maxMemoryBytes that each may take
 */
export function memoryWarning(
  maxMemoryBytes: number,
  servers: number,
  machineBytes = machineMemory(),
): string | undefined {
  if (maxMemoryBytes * servers <= machineBytes) return undefined
  const right = mib(machineBytes / SHARE / servers)
  const has = `this machine, or container, has ${mib(machineBytes)}`
  return servers === 1
    ? `--max-memory is ${mib(maxMemoryBytes)}, and ${has}: it should be at most ${right}`
    : `--max-memory is ${mib(maxMemoryBytes)} for each of ${servers} cache servers, and ${has}: it should be at most ${right}, or there should be fewer of them`
}

/** As --max-memory takes it. */
function mib(bytes: number): string {
  return `${Math.floor(bytes / MIB)}mb`
}
