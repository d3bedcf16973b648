import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { findMutant, mutants } from './list.js'
import { mutate, pathOf } from './mutant.js'
import { tryMutant } from './run.js'

/** Caught by one of the first seeds. */
const SOON_CAUGHT = [
  'publishes-before-it-is-safe',
  'not-owner-dropped',
  'reports-without-parking',
  'bound-voter-votes',
]

describe('mutants', () => {
  it('find what they replace exactly once in the compiled files', () => {
    for (const mutant of mutants) mutate(readFileSync(pathOf(mutant.file), 'utf8'), mutant)
  })

  it('have names of their own', () => {
    assert.equal(new Set(mutants.map(({ name }) => name)).size, mutants.length)
  })

  it('are not planted when the text is missing or there twice', () => {
    const mutant = { name: 'm', file: 'f.js', find: 'a', replace: 'b', breaks: '' }
    assert.equal(mutate('1 a 2', mutant), '1 b 2')
    assert.throws(() => mutate('1 2', mutant), /stands nowhere in f\.js/)
    assert.throws(() => mutate('a a', mutant), /stands 2 times in f\.js/)
  })

  for (const name of SOON_CAUGHT)
    it(`${name} is caught`, async () => {
      const verdict = await tryMutant(findMutant(name), { first: 1, count: 20 })
      assert.equal(verdict.kind, 'caught')
    })

  it('are planted into the process of a test, too', async () => {
    const verdict = await tryMutant(findMutant('epochs-count-for-nothing'), { first: 1, count: 1 })
    assert.equal(verdict.kind, 'failed')
  })
})
