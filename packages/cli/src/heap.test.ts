import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import v8 from 'node:v8'
import { allowHeap, heapArguments } from './heap.js'

const MORE_BYTES = 2 * v8.getHeapStatistics().heap_size_limit
const MIB = 1024 ** 2

type Execve = (file: string, args: readonly string[]) => void
const holder = process as unknown as { execve: Execve | undefined }

describe('the heap', () => {
  const { execve } = holder
  afterEach(() => (holder.execve = execve))

  it('may grow further once this program has begun once more, with all that it was given', () => {
    const begun: unknown[] = []
    holder.execve = (...what) => begun.push(...what.slice(0, 2))
    allowHeap(MORE_BYTES)
    const flag = `--max-old-space-size=${Math.ceil(MORE_BYTES / MIB)}`
    const rest = [...process.execArgv, ...process.argv.slice(1)]
    assert.deepEqual(begun, [process.execPath, [process.execPath, flag, ...rest]])
  })

  it('of another process may grow further by what node is given for it', () => {
    assert.deepEqual(heapArguments(MORE_BYTES), [`--max-old-space-size=${Math.ceil(MORE_BYTES / MIB)}`])
    assert.deepEqual(heapArguments(MIB), [])
  })

  it('stays as large as whoever started this process has said', () => {
    process.execArgv.push('--max-old-space-size=100')
    try {
      assert.deepEqual(heapArguments(MORE_BYTES), [])
    } finally {
      process.execArgv.pop()
    }
  })

  it('stays as it is where it is large enough', () => {
    holder.execve = () => assert.fail('began once more')
    allowHeap(MIB)
  })

  it('stays as it is where Node.js can not begin once more', () => {
    holder.execve = () => {
      throw new Error('process.execve is unavailable on the current platform')
    }
    allowHeap(MORE_BYTES)
    holder.execve = undefined
    allowHeap(MORE_BYTES)
  })
})
