import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile, stat, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { IcfError } from '@icf/common'

const ATTEMPTS = 3
/** A file that is empty or cut short this long after its creation was left by a process that died while writing it. */
const WRITING_MS = 5000

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
 * @throws IcfError STATE_UNAVAILABLE when a living process holds it
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, 'lock')
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path)) return () => unlink(path)
    const found = await readIfThere(path)
    if (found === undefined) continue
    const holder = await livingHolder(path, found)
    if (holder) throw inUse(dataDir, holder)
    await removeStale(path, found)
  }
  throw inUse(dataDir, 'starting')
}

async function create(path: string): Promise<boolean> {
  const self: Holder = { pid: process.pid, birth: birthOf(process.pid) }
  try {
    await writeFile(path, JSON.stringify(self), { flag: 'wx', mode: 0o600 })
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new IcfError('INVALID_ARGUMENT', `can not write ${path}: ${(cause as Error).message}`, { cause })
  }
}

/**
 * Several processes may find the same stale lock. Whoever holds the mark that is named by its content may remove it, if
 * it is still there: so nobody removes the fresh lock of another.
 */
async function removeStale(path: string, stale: string): Promise<void> {
  const mark = `${path}.${createHash('sha256').update(stale).digest('hex').slice(0, 16)}`
  if (!(await create(mark))) {
    const found = await readIfThere(mark)
    if (found !== undefined && !(await livingHolder(mark, found))) await unlinkIfThere(mark)
    return
  }
  try {
    if ((await readIfThere(path)) === stale) await unlinkIfThere(path)
  } finally {
    await unlinkIfThere(mark)
  }
}

/** Who holds the lock, unless that process is dead. */
async function livingHolder(path: string, text: string): Promise<number | 'starting' | undefined> {
  const holder = parseHolder(text)
  if (holder) return isAlive(holder) ? holder.pid : undefined
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }))
  return Date.now() - mtimeMs < WRITING_MS ? 'starting' : undefined
}

function inUse(dataDir: string, holder: number | 'starting'): IcfError {
  const who = holder === 'starting' ? 'another master that is starting' : `another master (process ${holder})`
  return new IcfError('STATE_UNAVAILABLE', `${dataDir} is in use by ${who}`)
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, birth } = JSON.parse(text) as Record<string, unknown>
    return Number.isInteger(pid) && typeof birth === 'string' ? { pid: pid as number, birth } : undefined
  } catch {
    return undefined
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
