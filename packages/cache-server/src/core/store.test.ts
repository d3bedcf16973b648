import { keySlot } from '@icf/common'
import { collectGarbage } from '@icf/testkit/collect-garbage'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { costOf, Entry } from './entry.js'
import { PendingWrite } from './pending-write.js'
import { Store } from './store.js'

const VALUE = 'x'.repeat(100)
const COST = costOf('0000', VALUE)

function entry(key: string, seq = 1, value: string | Uint8Array = VALUE): Entry {
  return new Entry(key, keySlot(key), seq, value, 1, 0)
}

/** Keys of four characters, so that all entries cost the same. */
function key(i: number): string {
  return String(i).padStart(4, '0')
}

describe('the store', () => {
  let store: Store

  beforeEach(() => {
    store = new Store(10 * COST)
  })

  const put = (from: number, to: number, role: 'primary' | 'backup'): void => {
    for (let i = from; i < to; i++) {
      store.setRole(keySlot(key(i)), role)
      store.put(entry(key(i)))
    }
  }

  const get = (i: number): Entry | undefined => {
    store.use(keySlot(key(i)), key(i))
    return store.peek(keySlot(key(i)), key(i))
  }

  const evict = (moreBytes: number): Entry | undefined => {
    const handle = store.toEvict(moreBytes)
    if (handle === 0) return undefined
    const evicted = store.records.entry(handle)
    store.remove(evicted.slot, evicted.key)
    return evicted
  }

  const workAll = (): void => {
    while (store.hasBackgroundWork) store.work(1)
  }

  it('keeps nothing of writes that are safe, or whose entries are gone', async () => {
    put(0, 3, 'primary')
    const pend = (i: number): WeakRef<PendingWrite> => {
      const slot = keySlot(key(i))
      const write = new PendingWrite(slot, key(i), true, undefined, 0, true)
      store.pend(store.find(slot, key(i)), write)
      if (i === 0) store.settled(write)
      else if (i === 1) store.put(entry(key(i)))
      else store.remove(slot, key(i))
      return new WeakRef(write)
    }
    const writes = [0, 1, 2].map(pend)
    await setImmediate()
    collectGarbage()
    assert.deepEqual(
      writes.map((write) => write.deref()),
      [undefined, undefined, undefined],
    )
  })

  it('counts what entries cost, and counts a replaced one once', () => {
    put(0, 3, 'primary')
    const shorter = 'y'.repeat(50)
    store.put(entry(key(1), 2, shorter))
    const { primaryKeys, primaryBytes } = store.counts()
    const cost = 2 * COST + costOf(key(1), shorter)
    assert.deepEqual({ primaryKeys, primaryBytes }, { primaryKeys: 3, primaryBytes: cost })
    store.remove(keySlot(key(1)), key(1))
    assert.equal(store.counts().primaryBytes, 2 * COST)
    assert.equal(store.countOf(keySlot(key(1))), 0)
  })

  describe('while the entries of a slot come anew', () => {
    const slot = 7
    const own = (name: string, seq = 1): Entry => new Entry(name, slot, seq, VALUE, 1, 0)

    beforeEach(() => {
      store = new Store(100 * COST)
      store.setRole(slot, 'backup')
      for (const name of ['a', 'b', 'c', 'd']) store.put(own(name))
      store.beginRenewal(slot)
    })

    it('keeps what it had until all have come; the rest is not found then, and freed in slices', () => {
      store.put(own('b', 2))
      store.put(own('e'))
      assert.deepEqual(['a', 'b', 'e'].map((name) => store.isRenewed(slot, name)), [false, true, true]) // prettier-ignore
      assert.ok(store.peek(slot, 'a'))
      store.endRenewal(slot)
      assert.equal(store.counts().backupKeys, 5, 'nothing was freed yet')
      assert.deepEqual(['a', 'b', 'c', 'd', 'e'].filter((name) => store.peek(slot, name)), ['b', 'e']) // prettier-ignore
      assert.deepEqual([...store.keysOf(slot)], ['b', 'e'])
      store.put(own('c', 3))
      workAll()
      assert.equal(store.counts().backupKeys, 3)
      assert.deepEqual(['a', 'b', 'c', 'd', 'e'].filter((name) => store.peek(slot, name)), ['b', 'c', 'e']) // prettier-ignore
    })

    it('forgets what was removed or evicted after it had come', () => {
      store.put(own('b', 2))
      store.put(own('c', 2))
      store.remove(slot, 'b')
      while (store.peek(slot, 'c')) evict(Infinity)
      assert.deepEqual(['b', 'c'].map((name) => store.isRenewed(slot, name)), [false, false]) // prettier-ignore
      store.endRenewal(slot)
      assert.equal(store.countOf(slot), 0)
      workAll()
      assert.equal(store.counts().backupKeys, 0)
    })

    it('keeps all when it is called off, or another role begins', () => {
      store.put(own('b', 2))
      store.setRole(slot, 'primary')
      store.stopRenewal(slot)
      workAll()
      assert.deepEqual(['a', 'b', 'c', 'd'].map((name) => store.peek(slot, name)?.seq), [1, 2, 1, 1]) // prettier-ignore
      assert.equal(store.countOf(slot), 4)
    })
  })

  it('evicts the least recently used primary', () => {
    put(0, 10, 'primary')
    assert.equal(store.isOverBudget(0), false)
    get(0)
    put(10, 11, 'primary')
    assert.equal(store.isOverBudget(0), true)
    assert.equal(evict(0)?.key, key(1))
    assert.equal(get(1), undefined)
    assert.equal(store.isOverBudget(0), false)
  })

  it('passes over those that were used since they came, once', () => {
    store = new Store(20 * COST)
    put(0, 100, 'primary')
    for (const i of [...Array(40).keys(), 50]) get(i)
    const evicted = Array.from({ length: 61 }, () => evict(0)?.key)
    assert.deepEqual(evicted.slice(0, 11), [40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 51].map(key))
    assert.deepEqual(evicted.slice(58), [99, 0, 1].map(key))
  })

  it('passes over no more than 5,000 in one turn, however many were used', () => {
    put(0, 6000, 'primary')
    for (let i = 0; i < 6000; i++) get(i)
    assert.deepEqual([evict(0)?.key, evict(0)?.key], [5000, 5001].map(key))
    store.work(1)
    assert.deepEqual([evict(0)?.key, evict(0)?.key], [0, 1].map(key))
  })

  it('evicts primaries for the sake of backups down to half of the budget, and backups only then', () => {
    put(0, 6, 'primary')
    put(6, 12, 'backup')
    assert.equal(evict(0)?.key, key(0))
    assert.equal(evict(0)?.key, key(6))
  })

  it('loses nothing by itself, however far over its budget, and names only what it has', () => {
    put(0, 30, 'primary')
    store.put(entry(key(30), 1, 'x'.repeat(50 * COST)))
    for (let i = 0; i <= 30; i++)
      assert.deepEqual(
        [...store.keysOf(keySlot(key(i)))].map((name) => store.peek(keySlot(name), name)?.key),
        [key(i)],
      )
    assert.deepEqual([store.counts().primaryKeys, store.counts().backupKeys], [30, 1])
    for (let evicted = 0; store.isOverBudget(0); evicted++) {
      const { slot, key: name } = evict(0)!
      assert.equal(store.countOf(slot), 0)
      assert.equal(store.peek(slot, name), undefined)
      assert.ok(evicted < 32)
    }
  })

  it('finds promoted entries at once and moves them in slices', () => {
    put(0, 8, 'backup')
    for (let i = 0; i < 8; i++) store.setRole(keySlot(key(i)), 'primary')
    assert.equal(store.counts().primaryKeys, 0)
    assert.equal(get(3)?.key, key(3))
    assert.equal(store.counts().primaryKeys, 1)
    store.put(entry(key(4), 2, 'new'))
    store.remove(keySlot(key(5)), key(5))
    workAll()
    const { primaryKeys, backupKeys, backupBytes } = store.counts()
    assert.deepEqual(
      { primaryKeys, backupKeys, backupBytes },
      { primaryKeys: 7, backupKeys: 0, backupBytes: 0 },
    )
    assert.equal(get(4)?.value, 'new')
    assert.equal(get(5), undefined)
  })

  it('changes its mind about a slot in the middle of moving it', () => {
    const keys = Array.from({ length: 6 }, (_, i) => `{t}${i}`)
    const slot = keySlot('t')
    store.setRole(slot, 'primary')
    for (const name of keys) store.put(new Entry(name, slot, 1, 'v', 1, 0))
    store.setRole(slot, 'backup')
    store.work(2)
    store.setRole(slot, 'primary')
    workAll()
    assert.deepEqual([store.counts().primaryKeys, store.counts().backupKeys], [6, 0])
    for (const name of keys) assert.equal(store.peek(slot, name)?.value, 'v')
  })

  it('frees cleared slots in slices, while they are used again', () => {
    const slot = keySlot('t')
    const name = (i: number): string => `{t}${i}`
    const add = (i: number, seq: number): number => store.put(new Entry(name(i), slot, seq, 'v', 1, 0))
    store.setRole(slot, 'primary')
    for (let i = 0; i < 8; i++) add(i, 1)
    store.clear(slot)
    assert.equal(store.counts().primaryKeys, 8)
    assert.deepEqual(
      [store.peek(slot, name(0)), store.peek(slot, name(0)), store.countOf(slot)],
      [undefined, undefined, 0],
    )
    store.setRole(slot, 'backup')
    add(1, 2)
    add(2, 2)
    store.work(2)
    store.clear(slot)
    store.setRole(slot, 'primary')
    add(2, 3)
    add(3, 3)
    add(4, 3)
    store.remove(slot, name(4))
    assert.deepEqual(
      [...store.keysOf(slot)].map((key) => store.peek(slot, key)?.seq),
      [3, 3],
    )
    workAll()
    const { primaryKeys, backupKeys } = store.counts()
    assert.deepEqual([primaryKeys, backupKeys], [2, 0])
    assert.deepEqual(
      [1, 2, 3, 4].map((i) => store.peek(slot, name(i))?.seq),
      [undefined, 3, 3, undefined],
    )
  })

  it('evicts what was cleared without a word', () => {
    put(0, 8, 'primary')
    for (let i = 0; i < 8; i++) store.clear(keySlot(key(i)))
    put(8, 12, 'primary')
    assert.equal(evict(0), undefined)
    assert.deepEqual([store.isOverBudget(0), store.counts().primaryKeys], [false, 10])
    workAll()
    assert.deepEqual(
      [8, 9, 10, 11].map((i) => get(i)?.key),
      [8, 9, 10, 11].map(key),
    )
    assert.equal(store.counts().primaryKeys, 4)
  })

  it('clears a slot of many keys without touching them', () => {
    const slot = keySlot('t')
    store = new Store(1e9)
    for (let i = 0; i < 50_000; i++) store.put(new Entry(`{t}${i}`, slot, 1, 'v', 1, 0))
    store.clear(slot)
    assert.equal(store.counts().backupKeys, 50_000)
    store.work(500)
    assert.equal(store.counts().backupKeys, 49_500)
  })

  describe('while pages are emptied, because other sizes are wanted', () => {
    const slot = 7
    const COUNT = 20_000
    const name = (i: number): string => `entry ${i}`

    beforeEach(() => {
      store = new Store(1e7)
      store.setRole(slot, 'backup')
      for (let i = 0; i < COUNT; i++) store.put(new Entry(name(i), slot, i, `value ${i}`, 1, i))
      for (let i = 0; i < COUNT; i++) if (i % 50 !== 0) store.remove(slot, name(i))
    })

    it('has the same entries, in the same orders', () => {
      const left = Array.from({ length: COUNT / 50 }, (_, i) => 50 * i)
      for (const i of left.slice(0, 10)) store.use(slot, name(i))
      const pages = store.records.pageBytes
      assert.ok(store.hasBackgroundWork)
      workAll()
      assert.ok(store.records.pageBytes < pages / 4, `${store.records.pageBytes} of ${pages}`)
      assert.deepEqual([...store.keysOf(slot)], left.map(name))
      for (const i of left)
        assert.deepEqual(store.peek(slot, name(i)), new Entry(name(i), slot, i, `value ${i}`, 1, i))
      const evicted = left.map(() => evict(Infinity)!.seq)
      assert.deepEqual(evicted, [...left.slice(10), ...left.slice(0, 10)])
    })

    it('knows which writes are pending', () => {
      const write = (i: number): PendingWrite => new PendingWrite(slot, name(i), true, undefined, 0, true)
      const writes = [0, 9000, 19_950].map(write)
      const [first, second, last] = writes as [PendingWrite, PendingWrite, PendingWrite]
      for (const each of writes) store.pend(store.find(slot, each.key), each)
      const pendingOf = ({ key }: PendingWrite): PendingWrite | undefined => {
        const handle = store.find(slot, key)
        return handle === 0 ? undefined : store.pendingAt(handle)
      }
      const before = last.handle
      workAll()
      assert.notEqual(last.handle, before)
      assert.deepEqual(writes.map(pendingOf), writes)
      store.settled(first)
      store.put(new Entry(second.key, slot, 1, 'again', 1, 0))
      store.remove(slot, last.key)
      assert.deepEqual(writes.map(pendingOf), [undefined, undefined, undefined])
      assert.deepEqual(writes.map((each) => store.entryOf(each)), [undefined, undefined, undefined]) // prettier-ignore
      store.settled(second)
      store.settled(last)
    })
  })
})
