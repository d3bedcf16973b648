import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { defaultTiming, limits, type Electorate, type MasterInfo } from '@icf/common'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { CouncilKeeper } from './council-keeper.js'

function master(id: string, port: number): MasterInfo {
  return { id, host: '127.0.0.1', port, httpPort: 0, machine: id }
}

const servers = ['s1', 's2', 's3', 's4'].map((id) => serverInfo(id, { machine: id }))

describe('who is to vote', () => {
  let now: number
  let keeper: CouncilKeeper
  /** Masters. */
  const connected = new Set<string>()
  let council: Electorate

  /** All changes that are due, one after the other. @returns the voters */
  function settle(): readonly string[] {
    for (let next = keeper.next(council, 'A'); next !== council; next = keeper.next(council, 'A'))
      council = next
    return council.voters
  }

  /** A topology with all that are to be listed is in effect. */
  function list(): void {
    keeper.inEffect(topologyWith({ servers, masters: keeper.listed(council) }))
  }

  beforeEach(() => {
    now = 0
    connected.clear()
    keeper = new CouncilKeeper({ now: () => now }, defaultTiming.deadAfterMs, (id) => connected.has(id))
    council = { voters: ['A'], masters: ['A'], former: undefined }
    keeper.masterSeen(master('A', 1))
    keeper.masterSeen(master('B', 2))
    list()
    now += defaultTiming.deadAfterMs
    for (const id of ['s1', 's2', 's3', 's4']) keeper.serverSeen(id)
  })

  it('changes in two steps, with those of before in the first', () => {
    const first = keeper.next(council, 'A')
    assert.deepEqual(first.former, { voters: ['A'], masters: ['A'] })
    assert.deepEqual(keeper.next(first, 'A'), { ...first, former: undefined })
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
      keeper.masterSeen(master(`B${n}`, 2))
      list()
      now += defaultTiming.deadAfterMs
      settle()
    }
    assert.deepEqual(council.masters, ['A', 'B6'])
    keeper.masterSeen(master('C', 3))
    list()
    now += defaultTiming.deadAfterMs
    assert.deepEqual(settle().length, 5)
    assert.deepEqual(council.masters, ['A', 'B6', 'C'])
  })

  it('is no master that was given up, until it is there again', () => {
    settle()
    keeper.forget('B')
    assert.deepEqual(keeper.listed(council).map(({ id }) => id), ['A', 'B']) // prettier-ignore
    assert.deepEqual(settle(), ['A'])
    assert.deepEqual(keeper.listed(council).map(({ id }) => id), ['A']) // prettier-ignore
    list()
    keeper.masterSeen(master('B', 2))
    list()
    now += defaultTiming.deadAfterMs
    assert.deepEqual(settle(), ['A', 'B', 's1', 's2', 's3'])
  })

  it('is no master that was given up in the term of another one, unless it is there', () => {
    const other = new CouncilKeeper({ now: () => now }, defaultTiming.deadAfterMs, (id) => connected.has(id))
    for (const info of [master('A', 1), master('B', 2), master('C', 3)]) other.masterSeen(info)
    for (const id of ['s1', 's2', 's3', 's4']) other.serverSeen(id)
    settle()
    const topology = topologyWith({ servers, masters: keeper.listed(council) })
    keeper = other
    keeper.began(topology, 0)
    assert.deepEqual(keeper.listed(council).map(({ id }) => id), ['A', 'B']) // prettier-ignore
    keeper.masterSeen(master('C', 3))
    connected.add('C')
    keeper.began(topology, 0)
    assert.deepEqual(keeper.listed(council).map(({ id }) => id), ['A', 'B', 'C']) // prettier-ignore
  })

  it('is the active master twice while another one is away and that makes the number odd', () => {
    settle()
    for (const id of ['s1', 's2']) keeper.serverLost(id)
    now += defaultTiming.deadAfterMs
    assert.deepEqual(settle(), ['A', 'B', 's3', 's4', 'A'])
    connected.add('A').add('B')
    assert.deepEqual(settle(), ['A', 'B', 's3'])
  })

  it('is a master at another address only once all servers know that, and not at all meanwhile', () => {
    settle()
    keeper.masterSeen(master('B', 9))
    assert.deepEqual(keeper.listed(council), [master('A', 1), master('B', 2)])
    list()
    now += defaultTiming.deadAfterMs
    const first = keeper.next(council, 'A')
    assert.deepEqual(keeper.listed(first), [master('A', 1), master('B', 2)])
    assert.deepEqual(settle(), ['A'])
    assert.deepEqual(keeper.listed(council), [master('A', 1), master('B', 9)])
    list()
    now += defaultTiming.deadAfterMs - 1
    assert.deepEqual(settle(), ['A'])
    now += 1
    settle()
    assert.deepEqual(council.masters, ['A', 'B'])
  })

  it('is a master at another address only then, too, when who leads now had met it there before', () => {
    settle()
    const topology = topologyWith({ servers, masters: keeper.listed(council) })
    const heir = new CouncilKeeper({ now: () => now }, defaultTiming.deadAfterMs, () => true)
    heir.masterSeen(master('A', 1))
    heir.masterSeen(master('B', 9))
    // What a standby tells whoever connects changes nothing.
    assert.deepEqual(heir.listed({ voters: [], masters: [], former: undefined }), [master('A', 1), master('B', 9)]) // prettier-ignore
    heir.began(topology, 0)
    assert.deepEqual(heir.listed(council), [master('A', 1), master('B', 2)])
    assert.deepEqual(heir.next(council, 'A').masters, ['A'])
  })

  it('is no master that was given up after it had moved', () => {
    settle()
    keeper.masterSeen(master('B', 9))
    keeper.forget('B')
    assert.deepEqual(settle(), ['A'])
    assert.deepEqual(keeper.listed(council), [master('A', 1)])
  })

  it('is not elsewhere because a standby was asked for the masters', () => {
    keeper.masterSeen(master('B', 9))
    keeper.listed({ voters: ['A'], masters: ['A'], former: undefined })
    council = { voters: ['A', 'B', 's1'], masters: ['A', 'B'], former: undefined }
    assert.deepEqual(keeper.listed(council), [master('A', 1), master('B', 2)])
    assert.deepEqual(keeper.next(council, 'A').masters, ['A'])
  })

  it('is no server that is not in the topology', () => {
    keeper.inEffect(topologyWith({ servers: servers.slice(0, 1), masters: keeper.listed(council) }))
    assert.deepEqual(settle(), ['A', 'B', 's1'])
  })

  it('is a master only once all servers that may have a lease know it', () => {
    settle()
    keeper.masterSeen(master('C', 3))
    now += defaultTiming.deadAfterMs
    assert.deepEqual(settle(), ['A', 'B', 's1', 's2', 's3'])
    list()
    now += defaultTiming.deadAfterMs - 1
    list()
    assert.deepEqual(settle(), ['A', 'B', 's1', 's2', 's3'])
    now += 1
    assert.deepEqual(settle(), ['A', 'B', 'C', 's1', 's2'])
  })

  it('is a master that an earlier term listed only after the leases of that term', () => {
    keeper.masterSeen(master('C', 3))
    const stored = topologyWith({ servers, masters: keeper.listed(council) })
    const longLeaseMs = 2 * defaultTiming.deadAfterMs
    keeper.began(stored, longLeaseMs)
    now += longLeaseMs - 1
    assert.deepEqual(settle(), ['A'])
    now += 1
    settle()
    assert.deepEqual(council.masters, ['A', 'B', 'C'])
  })
})

describe('the masters of a topology', () => {
  const council: Electorate = { voters: ['A', 'B'], masters: ['A', 'B'], former: undefined }

  let connected: string[] = []

  function keeper(...masters: MasterInfo[]): CouncilKeeper {
    const made = new CouncilKeeper({ now: () => 0 }, defaultTiming.deadAfterMs, (id) =>
      connected.includes(id),
    )
    for (const each of masters) made.masterSeen(each)
    return made
  }

  it('are all that were met, by id, as they are known last', () => {
    const changed = { ...master('A', 1), httpPort: 80 }
    assert.deepEqual(keeper(master('C', 3), master('A', 1), changed).listed(council), [
      changed,
      master('C', 3),
    ])
  })

  it('are not those that were replaced, but for such as have a vote still', () => {
    const known = keeper(master('B', 2), master('C', 3), master('D', 2), master('E', 3))
    assert.deepEqual(
      known.listed(council).map(({ id }) => id),
      ['B', 'D', 'E'],
    )
  })

  it('are also those that others know', () => {
    connected = ['C']
    const known = keeper(master('A', 1), master('C', 2))
    assert.deepEqual(known.learn([master('A', 7), master('B', 2), master('D', 4)]), [
      master('B', 2),
      master('D', 4),
    ])
    assert.deepEqual(known.listed(council), [master('A', 1), master('B', 2), master('C', 2), master('D', 4)])
  })

  it('are of two at one address the one that is there, or else the one that others know', () => {
    connected = ['C']
    const known = keeper(master('A', 1), master('C', 2))
    known.learn([master('D', 2), master('E', 1)])
    const nobody = { voters: [], masters: [], former: undefined }
    assert.deepEqual(known.listed(nobody), [master('C', 2), master('E', 1)])
    connected = []
  })

  it('are at most as many as a topology may have, and all with a vote', () => {
    const many = Array.from({ length: limits.maxMasters }, (_, n) => master(`M${n}`, 10 + n))
    const listed = keeper(...many, master('A', 1), master('B', 2)).listed(council)
    assert.equal(listed.length, limits.maxMasters)
    assert.deepEqual(listed.slice(0, 2), [master('A', 1), master('B', 2)])
  })
})
