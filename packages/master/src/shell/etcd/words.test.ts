import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterInfo } from '@icf/common'
import { Obedience } from './obedience.js'
import { SeatHolders } from './seat-holders.js'
import { NOTHING, type Sight } from './view.js'

const BOUND_MS = 600
const SAFE_MS = 480

function info(id: string): MasterInfo {
  return { id, host: id, port: 7000, httpPort: 0, machine: '' }
}

function ledBy(id: string, epoch: number, at: number): Sight {
  return { ...NOTHING, leader: { master: info(id), epoch, text: `${id} ${epoch}` }, at }
}

test('a word counts from when it was asked for, and no longer than that of the others', () => {
  const holders = new SeatHolders(BOUND_MS)
  const [first, second] = [holders.beat(0)!, holders.beat(100)!]
  assert.equal(holders.beat(150), undefined)
  holders.obeyed('a:1', 'a', second, 200, true)
  assert.equal(holders.until(['a:1', 'b:1'], 200), -Infinity)
  holders.obeyed('b:1', 'b', first, 200, true)
  assert.equal(holders.until(['a:1', 'b:1'], 200), SAFE_MS)
  // An older answer that comes late takes nothing back.
  holders.obeyed('a:1', 'a', first, 200, true)
  assert.equal(holders.until(['a:1'], 200), 100 + SAFE_MS)
})

test('who is alone needs nobody’s word; who is not there gives it by that', () => {
  const holders = new SeatHolders(BOUND_MS)
  assert.equal(holders.until([], 1000), 1000 + SAFE_MS)
  holders.absent('a:1', 900, 901, true)
  assert.equal(holders.until(['a:1'], 1000), 900 + SAFE_MS)
})

test('what was promised in an earlier term, or asked long ago, does not count', () => {
  const holders = new SeatHolders(BOUND_MS)
  const [before, old] = [holders.beat(0)!, holders.beat(100)!]
  holders.beat(100 + BOUND_MS + 1)
  holders.obeyed('a:1', 'a', old, 800, true)
  assert.equal(holders.until(['a:1'], 800), -Infinity)
  holders.absent('a:1', 700, 800, true)
  holders.clear()
  holders.obeyed('a:1', 'a', before, 800, true)
  assert.equal(holders.until(['a:1'], 800), -Infinity)
})

test('once nobody is bound any more only the process counts that was: another may have come, been active, and gone', () => {
  const holders = new SeatHolders(BOUND_MS)
  const give = (by: string, now: number): void => holders.obeyed('a:1', by, holders.beat(now)!, now, false)
  holders.obeyed('a:1', 'a', holders.beat(0)!, 0, true)
  give('a', 1000)
  assert.equal(holders.until(['a:1'], 1000), 1000 + SAFE_MS)
  // It is gone, and another one in its place, before it could have become active.
  holders.absent('a:1', 1100, 1101, false)
  give('again', 1500)
  assert.equal(holders.until(['a:1'], 1500), 1500 + SAFE_MS)
  holders.absent('a:1', 1600, 1500 + SAFE_MS, false)
  give('yet again', 2100)
  assert.equal(holders.until(['a:1'], 2100), 1500 + SAFE_MS)
  // The term was confirmed by etcd.
  holders.absent('a:1', 2200, 2201, true)
  assert.equal(holders.until(['a:1'], 2201), 2200 + SAFE_MS)
})

test('a standby obeys the active master, and keeps its word for longer than that one counts on it', () => {
  const obedience = new Obedience(BOUND_MS, 0)
  assert.equal(obedience.until, BOUND_MS)
  assert.ok(obedience.hear(1000, 'a', 5, ledBy('a', 5, 900)))
  assert.equal(obedience.until, 1000 + BOUND_MS)
  assert.ok(obedience.until - 1000 > SAFE_MS * 1.1)
})

test('while etcd says that another one is active, or none, nobody else is obeyed', () => {
  const obedience = new Obedience(BOUND_MS, 0)
  assert.ok(!obedience.hear(1000, 'a', 5, ledBy('b', 4, 900)))
  assert.ok(!obedience.hear(1000, 'a', 5, { ...NOTHING, at: 900 }))
})

test('when etcd has not been heard of for some time, whoever had the newest term is obeyed', () => {
  const obedience = new Obedience(BOUND_MS, 0)
  assert.ok(obedience.hear(10_000, 'a', 5, ledBy('a', 5, 1000)))
  assert.ok(obedience.hear(10_100, 'b', 6, ledBy('a', 5, 1000)))
  assert.ok(!obedience.hear(10_200, 'a', 5, ledBy('a', 5, 1000)))
  assert.ok(!obedience.hear(10_300, 'a', 6, ledBy('c', 7, 1000)))
})

test('who was active itself obeys nobody of an earlier term, whatever etcd says by then', () => {
  const obedience = new Obedience(BOUND_MS, 0)
  obedience.led(6)
  assert.ok(!obedience.hear(10_000, 'a', 5, NOTHING))
  assert.ok(obedience.hear(10_000, 'a', 7, NOTHING))
})

test('only the end of the newest term that it obeyed frees a standby', () => {
  const obedience = new Obedience(BOUND_MS, 0)
  obedience.hear(1000, 'a', 5, ledBy('a', 5, 900))
  obedience.release(4)
  assert.equal(obedience.until, 1000 + BOUND_MS)
  obedience.release(5)
  assert.equal(obedience.until, -Infinity)
})
