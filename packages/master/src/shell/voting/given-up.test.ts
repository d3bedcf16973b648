import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Electorate, Runtime } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { GivenUp } from './given-up.js'

const of = (...masters: string[]): Electorate => ({ voters: masters, masters, former: undefined })

describe('who gives a master up', () => {
  let late: (() => void)[]
  let givenUp: GivenUp

  beforeEach(() => {
    late = []
    const runtime: Runtime = {
      ...nodeRuntime,
      setTimeout: (run) => {
        late.push(run)
        return { refresh: () => undefined, unref: () => undefined }
      },
      clear: () => undefined,
    }
    givenUp = new GivenUp(runtime)
  })

  it('waits until it decides nothing any more, not together with others either', async () => {
    let isDone = false
    const done = givenUp.untilDone('B').then(() => (isDone = true))
    for (const electorate of [of('A', 'B'), { ...of('A'), former: of('A', 'B') }]) {
      givenUp.agreed(electorate)
      await Promise.resolve()
      assert.ok(!isDone)
    }
    givenUp.agreed(of('A'))
    await done
  })

  it('is told when the voters take long, or another master becomes active', async () => {
    const [first, second] = [givenUp.untilDone('B'), givenUp.untilDone('B')]
    late[0]!()
    await assert.rejects(first, { code: 'TIMEOUT' })
    givenUp.end()
    await assert.rejects(second, { code: 'TERM_LOST' })
  })
})
