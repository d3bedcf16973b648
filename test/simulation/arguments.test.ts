import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readArguments } from './arguments.js'
import { mutants } from './mutants/list.js'

describe('arguments of the simulator', () => {
  it('are one seed when nothing is said', () => {
    const { first, count, mutants } = readArguments([])
    assert.deepEqual([first, count, mutants], [1, undefined, undefined])
  })

  it('name mutants after --mutants, or none to mean all', () => {
    const names = ['not-owner-dropped', 'serves-without-lease']
    assert.deepEqual(
      readArguments(['--mutants', ...names]).mutants?.map(({ name }) => name),
      names,
    )
    assert.equal(readArguments(['--mutants']).mutants, mutants)
  })

  it('are refused with a word about what is wrong', () => {
    assert.throws(() => readArguments(['--seed', 'x']), /--seed must be a whole number from 0 on, got "x"/)
    assert.throws(() => readArguments(['--count', '0']), /--count must be a whole number from 1 on/)
    assert.throws(() => readArguments(['--seeds', '3']), /--seeds/)
    assert.throws(() => readArguments(['--mutant', 'x']), /no mutant is named x/)
    assert.throws(() => readArguments(['7']), /7 is no option/)
    assert.throws(() => readArguments(['--mutants', '--trace']), /--mutant NAME/)
  })
})
