import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { limits } from '../limits.js'
import { CommandCode, REPEAT } from '../wire/commands.js'
import { MessageType } from '../wire/messages.js'
import { decodeFrame, encodeFrame } from './codec.js'
import { exceeded } from './elements.js'

const leaf = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, -33, 127, 128, 2 ** 15, 2 ** 31, 2 ** 40, -(2 ** 20), 1.5),
  fc.constantFrom(0, 1, 31, 32, 255, 256, 65_535, 65_536).map((length) => 'x'.repeat(length)),
  fc.constantFrom(0, 1, 255, 256, 65_535, 65_536).map((length) => new Uint8Array(length)),
)
const message = fc.array(
  fc.oneof(leaf, fc.array(leaf, { maxLength: 20 }), fc.dictionary(fc.string(), leaf, { maxKeys: 20 })),
  { maxLength: 70 },
)

function elementsOf(value: unknown): number {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return 1
  const parts: unknown[] = Array.isArray(value) ? value : Object.entries(value).flat()
  return parts.reduce<number>((sum, part) => sum + elementsOf(part), 1)
}

describe('the elements of a frame', () => {
  it('are counted without decoding it', () => {
    fc.assert(
      fc.property(message, (fields) => {
        // With a field that is long, so that the count is not evident from the length of the frame.
        const whole = [0, ...fields, new Uint8Array(5000)]
        const frame = encodeFrame(whole)
        const count = elementsOf(whole)
        assert.equal(exceeded(frame, { elements: count, textBytes: 65_536 }), undefined)
        assert.equal(exceeded(frame, { elements: count - 1, textBytes: 65_536 }), 'elements')
      }),
    )
  })

  it('are not too many in the longest frame of commands that a client of version 1 may send', () => {
    const set = [REPEAT, 1, CommandCode.SET, 'long enough a key', 'value', 1, 0, 0]
    const header = [MessageType.COMMANDS, 1, 1, 0, 1, 0]
    const commands = new Array<unknown[]>(limits.maxCommandsPerFrame).fill(set).flat()
    const frame = encodeFrame([...header, ...commands])
    assert.equal(decodeFrame(frame, () => undefined).length, 6 + commands.length)
  })

  for (const [name, byte] of [
    ['nils', 0xc0],
    ['arrays', 0x90],
    ['maps', 0x80],
  ] as const)
    // prettier-ignore
    it(`are too many in a frame of ${limits.maxFrameElements} ${name}, which is not decoded`, () => {
      const frame = Buffer.alloc(5 + limits.maxFrameElements, byte)
      frame[0] = 0xdd
      frame.writeUInt32BE(limits.maxFrameElements, 1)
      assert.throws(() => decodeFrame(frame, () => undefined), {
        code: 'PROTOCOL',
        message: `a frame has more than ${limits.maxFrameElements} elements`,
      })
    })

  it('are each a text that is not too long for a frame, or it is not decoded', () => {
    const longest = 'x'.repeat(limits.chunkBytes)
    assert.deepEqual(
      decodeFrame(encodeFrame([0, longest, longest]), () => undefined),
      [0, longest, longest],
    )
    // Text beyond Latin-1: what counts is its bytes.
    for (const tooLong of [`${longest}x`, '€'.repeat(limits.chunkBytes / 3 + 1)])
      assert.throws(() => decodeFrame(encodeFrame([0, [longest, tooLong]]), () => undefined), {
        code: 'PROTOCOL',
        message: `a text in a frame is longer than ${limits.chunkBytes} bytes`,
      })
  })

  it('end with a frame that is cut off', () => {
    for (const end of [
      [0xdd, 0xff],
      [0xc6, 0xff, 0xff],
      [0xdb, 0xff, 0xff, 0xff, 0xff],
      [0xa5, 1],
    ]) {
      const frame = Buffer.from([...Buffer.alloc(10, 0xc4), ...end])
      assert.equal(exceeded(frame, { elements: 8, textBytes: 2 ** 32 }), undefined)
    }
  })
})
