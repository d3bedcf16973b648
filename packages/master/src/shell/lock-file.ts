import { readFileSync } from 'node:fs'
import { open, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { IcfError } from '@icf/common'

const ATTEMPTS = 3

/** The process that holds a lock: its number, and what tells it from a later process with the same number. */
interface Holder {
  readonly pid: number
  /** '' where the system does not tell. */
  readonly birth: string
}

/**
 * Reserves a data directory for this process, so that two masters never write the same state. What a dead process left
 * is taken over.
 * @returns what frees the directory
 * @throws IcfError INVALID_ARGUMENT when a living process holds it
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, 'lock')
  const self = JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Holder)
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path, self)) return () => unlink(path)
    const found = await readIfThere(path)
    if (found === undefined) continue
    const holder = parseHolder(found)
    if (holder && isAlive(holder))
      throw new IcfError('INVALID_ARGUMENT', `${dataDir} is in use by another master (process ${holder.pid})`)
    await removeStale(path, found)
  }
  throw new IcfError('INVALID_ARGUMENT', `${dataDir} is in use: several masters are starting on it`)
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600)
    await file.writeFile(text)
    await file.close()
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new IcfError('INVALID_ARGUMENT', `can not write ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** Two processes may find the same stale lock: one that has moved the other's fresh one away puts it back. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`
  try {
    await rename(path, aside)
    if ((await readFile(aside, 'utf8')) === stale) await unlink(aside)
    else await rename(aside, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, birth } = JSON.parse(text) as Record<string, unknown>
    return Number.isInteger(pid) && typeof birth === 'string' ? { pid: pid as number, birth } : undefined
  } catch {
    return undefined // its writer died before it was written
  }
}

function isAlive({ pid, birth }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
  return birth === birthOf(pid)
}

/** When the process began, on Linux: in a container a restarted process often has the number of the one before. */
function birthOf(pid: number): string {
  try {
    const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const startTicks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
    return `${bootId} ${startTicks}`
  } catch {
    return ''
  }
}
