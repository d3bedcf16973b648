import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { IcfError } from '@icf/common'

const ATTEMPTS = 3
/** A file that is empty or cut short this long after its creation was left by a process that died while writing it. */
const WRITING_MS = 5000

/** A holder shows this often that it is alive, … */
const SIGN_OF_LIFE_MS = 1000
/** … and is dead after this long without it, for those who can not see its process. */
const SILENT_MS = 5000

/** The process that holds a lock: its number, and what tells it from a later process with the same number. */
interface Holder {
  readonly pid: number
  /** '' where the system does not tell. */
  readonly birth: string
  /** Where that number counts: in each container, another process has it. '' where the system does not tell. */
  readonly namespace: string
}

/**
 * Reserves a data directory for this process, so that two masters never write the same state. What a dead process left
 * is taken over; of a process in another container, that is known after five seconds.
 * @returns what frees the directory
 * @throws IcfError STATE_UNAVAILABLE when a living process holds it
 */
export async function lockDirectory(dataDir: string): Promise<() => Promise<void>> {
  const path = join(dataDir, 'lock')
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await create(path)) return hold(path)
    const found = await readIfThere(path)
    if (found === undefined) continue
    const holder = await livingHolder(path, found)
    if (holder) throw inUse(dataDir, holder)
    await removeStale(path, found)
  }
  throw inUse(dataDir, 'starting')
}

function hold(path: string): () => Promise<void> {
  const signs = setInterval(() => {
    const now = new Date()
    // Whoever removed it has a reason; there is nothing to be done here.
    utimes(path, now, now).catch(() => undefined)
  }, SIGN_OF_LIFE_MS)
  signs.unref()
  return () => {
    clearInterval(signs)
    return unlink(path)
  }
}

async function create(path: string): Promise<boolean> {
  const self: Holder = { pid: process.pid, birth: birthOf(process.pid), namespace: ownNamespace() }
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
  if (holder?.namespace === ownNamespace()) return isAlive(holder) ? holder.pid : undefined
  const limitMs = holder ? SILENT_MS : WRITING_MS
  if (holder) await untilSignOrSilence(path, limitMs)
  const isRecent = Date.now() - (await modifiedAt(path)) < limitMs
  return isRecent ? (holder?.pid ?? 'starting') : undefined
}

/** Returns when the lock of a process that can not be seen was touched, is gone, or has been left alone for too long. */
async function untilSignOrSilence(path: string, limitMs: number): Promise<void> {
  const seenAt = await modifiedAt(path)
  for (;;) {
    const now = await modifiedAt(path)
    if (now !== seenAt || Date.now() - now >= limitMs) return
    await setTimeout(SIGN_OF_LIFE_MS / 4)
  }
}

/** Wall-clock ms; 0: it is gone. */
async function modifiedAt(path: string): Promise<number> {
  return (await stat(path).catch(() => ({ mtimeMs: 0 }))).mtimeMs
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
    const { pid, birth, namespace = ownNamespace() } = JSON.parse(text) as Record<string, unknown>
    if (!Number.isInteger(pid) || typeof birth !== 'string' || typeof namespace !== 'string') return undefined
    return { pid: pid as number, birth, namespace }
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

function ownNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
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
