import fc from 'fast-check'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyIndex } from './key-index.js'

const KEYS = 100
/** Few hashes, so that many keys fall together, also around the end of a table. */
const anyHash = fc.constantFrom(0, 1, 2, 5, 7, 13, 15, 2 ** 30 - 2, 2 ** 30 - 1)
const anyStep = fc.record({ key: fc.nat(KEYS - 1), isThere: fc.boolean() })

class Indexed {
  readonly keys: string[] = []
  readonly index = new KeyIndex({ hasKey: (handle, key) => this.keys[handle] === key })
  readonly #handles = new Map<number, number>()
  #next = 1

  constructor(private readonly hashes: readonly number[]) {}

  set(key: number, isThere: boolean): void {
    const handle = this.#handles.get(key)
    if (isThere === (handle !== undefined)) return
    if (handle === undefined) {
      this.keys[this.#next] = String(key)
      this.index.add(this.#next, this.hashes[key]!)
      this.#handles.set(key, this.#next++)
    } else {
      this.index.remove(handle, this.hashes[key]!)
      this.keys[handle] = ''
      this.#handles.delete(key)
    }
  }

  check(): void {
    for (let key = 0; key < KEYS; key++)
      assert.equal(this.index.find(String(key), this.hashes[key]!), this.#handles.get(key) ?? 0)
  }
}

describe('the index of keys', () => {
  it('finds what is there, and nothing else, however hashes fall together', () => {
    const hashes = fc.array(anyHash, { minLength: KEYS, maxLength: KEYS })
    fc.assert(
      fc.property(hashes, fc.array(anyStep, { maxLength: 300, size: 'max' }), (hashOf, steps) => {
        const indexed = new Indexed(hashOf)
        steps.forEach(({ key, isThere }, at) => {
          indexed.set(key, isThere)
          if (at % 10 === 0) indexed.check()
        })
        indexed.check()
      }),
    )
  })

  it('grows and shrinks, and keeps what it has', () => {
    const indexed = new Indexed(Array.from({ length: KEYS }, (_, i) => i * 7919))
    for (let round = 0; round < 2; round++)
      for (const isThere of [true, false])
        for (let key = 0; key < KEYS; key++) {
          indexed.set(key, isThere)
          indexed.check()
        }
  })
})
