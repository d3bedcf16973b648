import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planProcesses, type Whole } from './plan.js'

const MIB = 1024 ** 2
const whole: Whole = { processes: 1, port: 7401, maxMemory: 1024 * MIB, weight: 1 }

function countOf(changes: Partial<Whole>, cores: number): number {
  return planProcesses({ ...whole, ...changes }, cores).length
}

test('ports are in a row, memory and weight are divided', () => {
  const share = { maxMemoryBytes: 256 * MIB, weight: 0.5 }
  assert.deepEqual(planProcesses({ ...whole, processes: 4, weight: 2 }), [
    { ...share, port: 7401 },
    { ...share, port: 7402 },
    { ...share, port: 7403 },
    { ...share, port: 7404 },
  ])
})

test('together they take no more memory than they may', () => {
  const shares = planProcesses({ ...whole, processes: 3, maxMemory: 1000 * MIB })
  const taken = shares.reduce((sum, { maxMemoryBytes }) => sum + maxMemoryBytes, 0)
  assert.ok(taken <= 1000 * MIB && taken > 999 * MIB)
  assert.ok(shares.every(({ maxMemoryBytes }) => Number.isInteger(maxMemoryBytes)))
})

test('one process has all', () => {
  assert.deepEqual(planProcesses(whole), [{ port: 7401, maxMemoryBytes: 1024 * MIB, weight: 1 }])
})

test('auto is one process for each core', () => {
  assert.equal(countOf({ processes: 'auto' }, 1), 1)
  assert.equal(countOf({ processes: 'auto' }, 6), 6)
})

test('auto is held to what the memory allows, and to what can be given', () => {
  assert.equal(countOf({ processes: 'auto' }, 64), 8)
  assert.equal(countOf({ processes: 'auto', maxMemory: 256 * MIB - 1 }, 64), 1)
  assert.equal(countOf({ processes: 'auto', maxMemory: 64 * MIB }, 64), 1)
  assert.equal(countOf({ processes: 'auto', maxMemory: 1024 ** 4 }, 1000), 128)
})

test('a number is not held to the cores', () => {
  assert.equal(countOf({ processes: 8 }, 1), 8)
})

test('too little memory is refused, and what would be right is said', () => {
  assert.throws(() => countOf({ processes: 3, maxMemory: 128 * MIB }, 1), {
    exit: 2,
    message:
      '--processes 3: each needs at least 128mb: write --max-memory 384mb or more, or at most --processes 1',
  })
  assert.throws(() => countOf({ processes: 2, maxMemory: 64 * MIB }, 1), {
    message: '--processes 2: each needs at least 128mb: write --max-memory 256mb or more',
  })
})

test('ports beyond the last one are refused, and what would be right is said', () => {
  assert.equal(planProcesses({ ...whole, processes: 4, port: 65_532 }).at(-1)!.port, 65_535)
  assert.throws(() => countOf({ processes: 4, port: 65_533 }, 1), {
    exit: 2,
    message: '--port 65533: 4 processes need the ports from there to 65536: write --port 65532 or less',
  })
})
