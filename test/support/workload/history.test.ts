import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { KeyHistory } from './history.js'

function acknowledgedSet(history: KeyHistory): number {
  const version = history.beginSet()
  history.acknowledge(version)
  return version
}

function acknowledgedDelete(history: KeyHistory): number {
  const version = history.beginDelete()
  history.acknowledge(version)
  return version
}

function read(history: KeyHistory, seen: number | undefined): string | undefined {
  return history.endRead(history.beginRead(), seen)
}

describe('a key history accepts', () => {
  it('no value before the first write', () => {
    assert.equal(read(new KeyHistory(), undefined), undefined)
  })

  it('the last acknowledged value', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    assert.equal(read(history, acknowledgedSet(history)), undefined)
  })

  it('the value before or after a write that overlaps the read', () => {
    for (const seen of [1, 2]) {
      const history = new KeyHistory()
      acknowledgedSet(history)
      const floor = history.beginRead()
      acknowledgedSet(history)
      assert.equal(history.endRead(floor, seen), undefined)
    }
  })

  it('a value that is written but not acknowledged', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    assert.equal(read(history, history.beginSet()), undefined)
  })

  it('no value after a delete, or while one is under way', () => {
    const acknowledged = new KeyHistory()
    acknowledgedSet(acknowledged)
    acknowledgedDelete(acknowledged)
    assert.equal(read(acknowledged, undefined), undefined)
    const underWay = new KeyHistory()
    acknowledgedSet(underWay)
    underWay.beginDelete()
    assert.equal(read(underWay, undefined), undefined)
  })

  it('no value when the key was deleted and written again during the read', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    const floor = history.beginRead()
    acknowledgedDelete(history)
    acknowledgedSet(history)
    assert.equal(history.endRead(floor, undefined), undefined)
  })

  it('the old or the new value after a failed write, until one is seen', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    history.beginSet()
    assert.equal(read(history, 1), undefined)
    assert.equal(read(history, 2), undefined)
    assert.equal(read(history, 1), 'stale')
  })
})

describe('a key history catches', () => {
  it('a miss', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    assert.equal(read(history, undefined), 'miss')
  })

  it('a miss after the key was deleted and written again', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    acknowledgedDelete(history)
    acknowledgedSet(history)
    assert.equal(read(history, undefined), 'miss')
  })

  it('a miss while the key is only being overwritten', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    history.beginSet()
    assert.equal(read(history, undefined), 'miss')
  })

  it('a stale read', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    acknowledgedSet(history)
    assert.equal(read(history, 1), 'stale')
  })

  it('a read older than what a read before it showed, though the write is not acknowledged', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    const unacknowledged = history.beginSet()
    assert.equal(read(history, unacknowledged), undefined)
    assert.equal(read(history, 1), 'stale')
  })

  it('a value after another read found the key deleted, though the delete is not acknowledged', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    history.beginDelete()
    assert.equal(read(history, undefined), undefined)
    assert.equal(read(history, 1), 'resurrected')
  })

  it('a resurrected delete', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    acknowledgedDelete(history)
    assert.equal(read(history, 1), 'resurrected')
    acknowledgedSet(history)
    assert.equal(read(history, 1), 'resurrected')
  })

  it('a value that nobody wrote', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    acknowledgedDelete(history)
    for (const seen of [0, 2, 3, 1.5, NaN, -1]) assert.equal(read(history, seen), 'corrupt')
  })

  it('a lost write at the end', () => {
    const overwritten = new KeyHistory()
    acknowledgedSet(overwritten)
    acknowledgedSet(overwritten)
    assert.equal(overwritten.endFinalRead(1), 'lost')
    assert.equal(overwritten.endFinalRead(undefined), 'lost')
    assert.equal(overwritten.endFinalRead(2), undefined)
  })

  it('a lost delete at the end', () => {
    const history = new KeyHistory()
    acknowledgedSet(history)
    acknowledgedDelete(history)
    assert.equal(history.endFinalRead(1), 'resurrected')
    assert.equal(history.endFinalRead(undefined), undefined)
  })
})

describe('a key history knows that the key is there', () => {
  it('from the acknowledgement of a set to the next delete', () => {
    const history = new KeyHistory()
    assert.equal(history.isThere, false)
    const first = history.beginSet()
    assert.equal(history.isThere, false)
    history.acknowledge(first)
    history.beginSet()
    assert.equal(history.isThere, true)
    history.beginDelete()
    assert.equal(history.isThere, false)
    acknowledgedSet(history)
    assert.equal(history.isThere, true)
  })
})
