import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { MasterInfo } from '../topology/topology.js'
import { MasterSet } from './master-set.js'

const A = { host: 'a', port: 1 }
const B = { host: 'b', port: 1 }
const listed = (id: string, host: string): MasterInfo => ({ id, host, port: 1, httpPort: 0, machine: '' })

describe('the masters to which a link is wanted', () => {
  let set: MasterSet
  const wanted = (): string[] => [...set.wanted.keys()]

  beforeEach(() => {
    set = new MasterSet([A, B, A])
  })

  it('are those that were named, each address once', () => {
    assert.deepEqual([...set.wanted], [['a:1', A], ['b:1', B]]) // prettier-ignore
  })

  it('are also those that the newest topology lists at other addresses', () => {
    set.follow([listed('x', 'a'), listed('y', 'c')])
    assert.deepEqual(wanted(), ['a:1', 'b:1', 'c:1'])
    set.follow([listed('z', 'd')])
    assert.deepEqual(wanted(), ['a:1', 'b:1', 'd:1'])
  })

  it('are not looked for elsewhere while they are reached at an address that was named', () => {
    set.opened('a:1', 'x', [])
    set.follow([listed('x', 'c')])
    assert.deepEqual(wanted(), ['a:1', 'b:1'])
  })

  it('are looked for where the topology lists them once they are lost: they may have moved there', () => {
    set.opened('a:1', 'x', [])
    set.lost('a:1')
    set.follow([listed('x', 'c')])
    assert.deepEqual(wanted(), ['a:1', 'b:1', 'c:1'])
  })

  it('are looked for where the topology lists them when another process is where they were', () => {
    set.opened('a:1', 'x', [])
    set.follow([listed('x', 'c')])
    set.lost('a:1')
    set.opened('a:1', 'y', [])
    assert.deepEqual(wanted(), ['a:1', 'b:1', 'c:1'])
  })

  it('are also those of which one tells that is connected, for as long as it is', () => {
    set.opened('a:1', 'x', [listed('x', 'a'), listed('y', 'c')])
    assert.deepEqual(wanted(), ['a:1', 'b:1', 'c:1'])
    set.lost('a:1')
    assert.deepEqual(wanted(), ['a:1', 'b:1'])
  })

  it('are not at an address where something else was found', () => {
    set.isNone('b:1')
    assert.deepEqual(wanted(), ['a:1'])
  })

  it('are known by the id of whoever was there last, or is to be there', () => {
    set.follow([listed('x', 'a'), listed('y', 'c')])
    assert.deepEqual(
      ['a:1', 'b:1', 'c:1'].map((where) => set.idAt(where)),
      ['x', undefined, 'y'],
    )
    set.opened('a:1', 'z', [])
    set.lost('a:1')
    assert.equal(set.idAt('a:1'), 'z')
  })

  it('are one when two addresses lead to the same process: the newer link stays, until it is lost', () => {
    set.opened('a:1', 'x', [])
    set.opened('b:1', 'x', [])
    assert.deepEqual(wanted(), ['b:1'])
    set.lost('a:1')
    assert.deepEqual(wanted(), ['b:1'])
    set.lost('b:1')
    assert.deepEqual(wanted(), ['a:1', 'b:1'])
  })
})
