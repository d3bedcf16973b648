import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { machineMemory, memoryWarning } from './machine-memory.js'

const GIB = 1024 ** 3

test('what this machine has is no more than all that there is', () => {
  assert.ok(machineMemory() > 0)
  assert.ok(machineMemory() <= totalmem())
})

test('one server that may take more than there is gets both figures, and one that would be right', () => {
  assert.equal(
    memoryWarning(8 * GIB, 1, 6 * GIB),
    '--max-memory is 8192mb, and this machine, or container, has 6144mb: it should be at most 5120mb',
  )
})

test('several are added up', () => {
  assert.equal(
    memoryWarning(3 * GIB, 3, 6 * GIB),
    '--max-memory is 3072mb for each of 3 cache servers, and this machine, or container, has 6144mb: ' +
      'it should be at most 1706mb, or there should be fewer of them',
  )
})

test('what there is may be taken', () => {
  assert.equal(memoryWarning(2 * GIB, 3, 6 * GIB), undefined)
  assert.equal(memoryWarning(6 * GIB, 1, 6 * GIB), undefined)
})
