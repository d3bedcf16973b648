import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chooseCouncil, sameCouncil, type Candidate } from './council.js'

const nobody = { voters: [], masters: [] }
const masters = (count: number): Candidate[] =>
  Array.from({ length: count }, (_, i) => ({ id: `m${i + 1}`, machine: `machine ${i + 1}` }))
const servers = (...machines: number[]): Candidate[] =>
  machines.map((machine, i) => ({ id: `s${i + 1}`, machine: `machine ${machine}` }))

describe('the council', () => {
  it('of a lone master is that master, whatever servers there are', () => {
    assert.deepEqual(chooseCouncil(nobody, masters(1), servers(2, 3, 4)), { voters: ['m1'], masters: ['m1'] })
  })

  for (const [masterCount, serverCount, voters] of [
    [2, 1, 3],
    [2, 2, 3],
    [2, 3, 5],
    [2, 9, 5],
    [3, 1, 3],
    [3, 2, 5],
    [4, 3, 5],
    [5, 3, 5],
    [6, 3, 7],
    [200, 3, 99],
  ] as const)
    it(`has ${voters} voters with ${masterCount} masters and ${serverCount} servers`, () => {
      const machines = Array.from({ length: serverCount }, (_, i) => 10 + i)
      const council = chooseCouncil(nobody, masters(masterCount), servers(...machines))
      assert.equal(council.voters.length, voters)
      assert.equal(council.masters.length, Math.min(masterCount, 99))
    })

  it('has no room for a second master that would need the first, and keeps one that it has', () => {
    assert.deepEqual(chooseCouncil(nobody, masters(2), []), { voters: ['m1'], masters: ['m1'] })
    const present = { voters: ['m1', 'm2', 's1'], masters: ['m1', 'm2'] }
    assert.deepEqual(chooseCouncil(present, masters(2), []), { voters: ['m1', 'm2'], masters: ['m1', 'm2'] })
  })

  it('keeps the servers that it has, and replaces those that are gone', () => {
    const present = { voters: ['m1', 'm2', 's3', 's4', 's9'], masters: ['m1', 'm2'] }
    const { voters } = chooseCouncil(present, masters(2), servers(3, 4, 5, 6, 7))
    assert.deepEqual(voters.toSorted(), ['m1', 'm2', 's1', 's3', 's4'])
  })

  it('is spread over machines, those of the masters included', () => {
    const { voters } = chooseCouncil(nobody, masters(2), servers(1, 3, 3, 2, 4, 5))
    assert.deepEqual(voters, ['m1', 'm2', 's2', 's5', 's6'])
  })

  it('is as large as it can be while a master is away: the active one has two votes where that makes it odd', () => {
    const voters = (servers: readonly Candidate[]) => chooseCouncil(nobody, masters(2), servers, 'm2').voters
    assert.deepEqual(voters(servers(3)), ['m1', 'm2', 's1'])
    assert.deepEqual(voters(servers(3, 4)), ['m1', 'm2', 's1', 's2', 'm2'])
    assert.deepEqual(voters(servers(3, 4, 5)), ['m1', 'm2', 's1', 's2', 's3'])
    assert.equal(chooseCouncil(nobody, masters(1), servers(3, 4), 'm1').voters.length, 1)
    assert.equal(chooseCouncil(nobody, masters(98), servers(3, 4), 'm1').voters.length, 99)
    assert.equal(chooseCouncil(nobody, masters(99), [], 'm1').voters.length, 99)
  })

  it('is the same in any order', () => {
    const council = { voters: ['m1', 's1', 'm2'], masters: ['m1', 'm2'] }
    assert.ok(sameCouncil(council, { voters: ['s1', 'm2', 'm1'], masters: ['m2', 'm1'] }))
    assert.ok(!sameCouncil(council, { ...council, masters: ['m1'] }))
    assert.ok(!sameCouncil(council, { ...council, voters: ['m1', 'm2', 's2'] }))
    const twice = (id: string) => ({ ...council, voters: [...council.voters, id] })
    assert.ok(!sameCouncil(twice('m1'), twice('m2')))
  })
})
