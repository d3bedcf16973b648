import v8 from 'node:v8'

const MIB = 1024 ** 2
const FLAG = '--max-old-space-size'

/** From Node.js 22.15 on. On Windows it is there, too, and throws. */
type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never

/**
 * What `node` is given, beside what this process was given, so that the heap of a process can grow to so many bytes. Nothing where V8 lets
 * it by itself, and where whoever started this process has said how large it may be.
 */
export function heapArguments(bytes: number): string[] {
  if (v8.getHeapStatistics().heap_size_limit >= bytes) return []
  if (process.execArgv.some((argument) => argument.startsWith(FLAG))) return []
  return [`${FLAG}=${Math.ceil(bytes / MIB)}`]
}

/**
 * Lets the heap of this process grow to so many bytes. V8 takes a limit only when it begins, and by itself one that is
 * about half of the machine or container, and at most 4 GiB. So this program begins once more, as the same process,
 * where that is too little; where Node.js can not do that, it returns all the same.
 */
export function allowHeap(bytes: number): void {
  const { execve } = process as { execve?: Execve }
  const added = heapArguments(bytes)
  if (execve === undefined || added.length === 0) return
  const args = [process.execPath, ...added, ...process.execArgv, ...process.argv.slice(1)]
  try {
    execve(process.execPath, args, process.env)
  } catch {
    // The cache server takes what it gets, and says so.
  }
}
