import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { errorCodes, errorFromWire, errorMeaning, errorToWire, IcfError } from './errors.js'

describe('errors', () => {
  it('have one number each on the wire', () => {
    const numbers = errorCodes.map(errorToWire)
    assert.equal(new Set(numbers).size, numbers.length)
    for (const code of errorCodes) assert.equal(errorFromWire(errorToWire(code)), code)
  })

  it('are taken for INTERNAL when a newer peer sends one that is not known', () => {
    for (const wire of [0, 9999, 'TIMEOUT', null]) assert.equal(errorFromWire(wire), 'INTERNAL')
  })

  it('are all documented with their number, meaning, and whether to try again', () => {
    const doc = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
    for (const code of errorCodes) {
      const { retryable } = new IcfError(code, '')
      const row = `| ${code} | ${errorToWire(code)} | ${retryable ? 'yes' : 'no'} | ${errorMeaning(code)} |`
      assert.ok(doc.includes(row), `docs/errors.md lacks: ${row}`)
    }
    assert.equal(doc.split('\n').filter((line) => /^\| [A-Z_]+ \|/.test(line)).length, errorCodes.length)
  })
})
