// Cache servers that the master hears, and that do not reach each other: writes wait until no copy stands on the other side.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { longestWrite } from './longest-write.js'

const CUT_MS = 6000
/** That a call has by default: a write that has come before did not fail. */
const DEADLINE_MS = 5000

/** Among so many servers, who is cut off from whom, by number. */
interface Cuts {
  readonly servers: number
  readonly pairs: readonly (readonly [number, number])[]
}

const CUTS: Readonly<Record<string, Cuts>> = {
  'two of four': { servers: 4, pairs: [[0, 1]] },
  'one of four none of the others': { servers: 4, pairs: [[0, 1], [0, 2], [0, 3]] },
  'none of three any other': { servers: 3, pairs: [[0, 1], [0, 2], [1, 2]] },
  'neither of two': { servers: 2, pairs: [[0, 1]] },
} // prettier-ignore

describe('while servers can not reach each other, no write waits until its deadline:', () => {
  for (const [what, { servers, pairs }] of Object.entries(CUTS))
    for (const cutAfterMs of [0, 200])
      it(`${what}, cut ${cutAfterMs} ms later`, async () => {
        const longestMs = await longestWrite(servers, async ({ network, pass }) => {
          await pass(cutAfterMs)
          for (const [a, b] of pairs) network.cut(`machine-${a}`, `machine-${b}`)
          await pass(CUT_MS)
        })
        assert.ok(longestMs > 1000, `the cut was noticed: ${longestMs} ms`)
        assert.ok(longestMs < DEADLINE_MS, `one took ${longestMs} ms`)
      })
})
