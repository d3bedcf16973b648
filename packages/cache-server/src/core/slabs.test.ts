import fc from 'fast-check'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { chunkBytes, UNIT_BYTES } from './chunk-classes.js'
import { Slabs } from './slabs.js'

const WANTED_BYTES = 16 * 1024 * 1024
const PAGE_BYTES = 64 * 1024
/** Words at the beginning of a chunk: its size, and its number. 0 in one that is free. */
const SIZE = 0
const NUMBER = 1

describe('slabs', () => {
  let slabs: Slabs
  let chunks: Map<number, { handle: number; size: number }>
  let next: number

  const wordsOf = (handle: number): Uint32Array => {
    const page = handle >>> slabs.unitBits
    const unit = handle & (2 ** slabs.unitBits - 1)
    return slabs.words[page]!.subarray((unit * UNIT_BYTES) / 4)
  }

  const fill = (handle: number, size: number, number: number): void => {
    const words = wordsOf(handle)
    words.fill(number, 0, size >>> 2)
    words[SIZE] = size
  }

  const allocate = (size: number): number => {
    const number = next++
    const handle = slabs.allocate(size)
    chunks.set(number, { handle, size })
    fill(handle, size, number)
    return number
  }

  const free = (number: number): void => {
    const { handle } = chunks.get(number)!
    wordsOf(handle).fill(0, 0, 2)
    slabs.free(handle)
    chunks.delete(number)
  }

  const evacuate = (count: number): void =>
    slabs.evacuate(count, (from) => {
      const number = wordsOf(from)[NUMBER]!
      const chunk = chunks.get(number)
      if (chunk?.handle !== from) return
      const to = slabs.allocate(chunk.size)
      fill(to, chunk.size, number)
      wordsOf(from).fill(0, 0, 2)
      slabs.free(from)
      chunk.handle = to
    })

  const check = (): void => {
    for (const [number, { handle, size }] of chunks) {
      const words = wordsOf(handle)
      assert.equal(words[SIZE], size)
      for (let i = NUMBER; i < size >>> 2; i++) assert.equal(words[i], number)
    }
  }

  beforeEach(() => {
    slabs = new Slabs(WANTED_BYTES)
    chunks = new Map()
    next = 1
  })

  it('keep each chunk as it is, whatever others do', () => {
    const anyStep = fc.record({
      size: fc.oneof(fc.integer({ min: 44, max: 400 }), fc.integer({ min: 44, max: PAGE_BYTES / 8 })),
      count: fc.integer({ min: 1, max: 60 }),
      freed: fc.nat(60),
      evacuated: fc.nat(100),
    })
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 60, size: 'max' }), (steps) => {
        slabs = new Slabs(WANTED_BYTES)
        chunks.clear()
        for (const { size, count, freed, evacuated } of steps) {
          for (let i = 0; i < count; i++) allocate(size)
          for (const number of [...chunks.keys()].slice(0, freed)) free(number)
          evacuate(evacuated)
        }
        check()
      }),
      { numRuns: 30 },
    )
  })

  for (const [wantedBytes, pageBytes] of [
    [WANTED_BYTES, PAGE_BYTES],
    [100 * 1024 * 1024, 2 * PAGE_BYTES],
    [1024 ** 3, 4 * PAGE_BYTES],
  ] as const)
    it(`have room for every size up to the largest, and waste at most an eighth of it, in pages of ${pageBytes}`, () => {
      slabs = new Slabs(wantedBytes)
      for (let size = 1; size <= slabs.maxChunkBytes; size += 7) {
        const before = slabs.usedBytes
        allocate(size)
        const used = slabs.usedBytes - before
        assert.equal(used, chunkBytes(size), 'the same in all pages')
        assert.ok(used >= size)
        assert.ok(used <= Math.max(64, (size + UNIT_BYTES) * (1 + 1 / 8) + UNIT_BYTES), `${used} for ${size}`)
      }
      assert.equal(slabs.maxChunkBytes, pageBytes / 8)
      check()
    })

  it('cut all of a page into chunks, but for a fiftieth', () => {
    for (let size = 64; size <= PAGE_BYTES / 8; size += 16) {
      slabs = new Slabs(WANTED_BYTES)
      slabs.allocate(size)
      const chunk = slabs.usedBytes
      while (slabs.pageBytes === PAGE_BYTES) slabs.allocate(size)
      assert.ok(slabs.usedBytes - chunk >= 0.98 * PAGE_BYTES, `chunks of ${chunk}`)
    }
  })

  it('give pages back when little of them is used, and keep what is', () => {
    for (let i = 0; i < 40_000; i++) allocate(150)
    const full = slabs.pageBytes
    for (const number of chunks.keys()) if (number % 20 !== 0) free(number)
    assert.equal(slabs.pageBytes, full)
    assert.ok(slabs.isWasteful)
    while (slabs.isWasteful) evacuate(10)
    assert.ok(slabs.pageBytes <= (1 + 1 / 16) * slabs.usedBytes + 2 * PAGE_BYTES)
    assert.equal(chunks.size, 2000)
    check()
  })

  it('need hardly more when all is of another size than before', () => {
    for (let i = 0; i < 40_000; i++) allocate(150)
    let most = 0
    for (const number of [...chunks.keys()].sort((a, b) => ((a * 7919) % 40_009) - ((b * 7919) % 40_009))) {
      free(number)
      if (number % 2 === 0) allocate(300)
      if (slabs.isWasteful) evacuate(16)
      most = Math.max(most, slabs.pageBytes / slabs.usedBytes)
    }
    assert.ok(most < 1.15, String(most))
    check()
  })

  it('use a page for another size once it is empty', () => {
    const numbers = Array.from({ length: 1000 }, () => allocate(150))
    const before = slabs.pageBytes
    numbers.forEach(free)
    assert.equal(slabs.pageBytes, 0)
    for (let i = 0; i < 100; i++) allocate(1500)
    assert.ok(slabs.pageBytes <= before)
    check()
  })
})
