import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { defaultTiming, type Electorate } from '@icf/common'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { CouncilKeeper } from './council-keeper.js'

const at = (port: number): { host: string; port: number } => ({ host: '127.0.0.1', port })

describe('who is to vote', () => {
  let now: number
  let keeper: CouncilKeeper
  let council: Electorate

  /** All changes that are due, one after the other. @returns the voters */
  function settle(): readonly string[] {
    for (let next = keeper.next(council); next !== council; next = keeper.next(council)) council = next
    return council.voters
  }

  beforeEach(() => {
    now = 0
    keeper = new CouncilKeeper({ now: () => now }, defaultTiming)
    council = { voters: ['A'], masters: ['A'], former: undefined }
    keeper.follow(
      topologyWith({ servers: ['s1', 's2', 's3', 's4'].map((id) => serverInfo(id, { machine: id })) }),
    )
    keeper.masterSeen('A', at(1), 'a')
    keeper.masterSeen('B', at(2), 'b')
    for (const id of ['s1', 's2', 's3', 's4']) keeper.serverSeen(id)
  })

  it('changes in two steps, with those of before in the first', () => {
    const first = keeper.next(council)
    assert.deepEqual(first.former, { voters: ['A'], masters: ['A'] })
    assert.deepEqual(keeper.next(first), { ...first, former: undefined })
    assert.deepEqual(settle(), ['A', 'B', 's1', 's2', 's3'])
  })

  it('is another server when one is away for long, and the same when it is not', () => {
    settle()
    keeper.serverLost('s2')
    now += defaultTiming.deadAfterMs - 1
    assert.deepEqual(settle(), ['A', 'B', 's1', 's2', 's3'])
    now += 1
    assert.deepEqual(settle(), ['A', 'B', 's1', 's3', 's4'])
    keeper.serverSeen('s2')
    assert.deepEqual(settle(), ['A', 'B', 's1', 's3', 's4'])
  })

  it('is a master that is away, too, but not one that another has replaced at its address', () => {
    settle()
    for (let n = 1; n <= 6; n++) {
      keeper.masterSeen(`B${n}`, at(2), 'b')
      settle()
    }
    assert.deepEqual(council.masters, ['A', 'B6'])
    keeper.masterSeen('C', at(3), 'c')
    assert.deepEqual(settle().length, 5)
    assert.deepEqual(council.masters, ['A', 'B6', 'C'])
  })

  it('is no server that is not in the topology', () => {
    keeper.follow(topologyWith({ servers: [serverInfo('s1')] }))
    assert.deepEqual(settle(), ['A', 'B', 's1'])
  })
})
