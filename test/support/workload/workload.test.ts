import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Workload, type CacheUnderTest, type WorkloadReport } from './workload.js'

type Method = 'get' | 'set' | 'delete'

/** A correct store, every call of which ends in a later turn; `fault` may answer a call in its place. */
class Store implements CacheUnderTest {
  readonly map = new Map<string, unknown>()
  readonly before = new Map<string, unknown>()
  readonly #writes = new Writes()
  /** @param isAlone whether no write of the key overlaps this call */
  fault: (method: Method, key: string, isAlone: boolean) => boolean = () => false
  onFault: (key: string) => unknown = () => undefined

  async get(key: string): Promise<unknown> {
    const isAlone = this.#writes.watch(key)
    await setImmediate()
    return this.fault('get', key, isAlone()) ? this.onFault(key) : this.map.get(key)
  }

  set(key: string, value: unknown): Promise<void> {
    return this.#writes.during(key, async () => {
      await setImmediate()
      if (this.fault('set', key, true)) return void this.onFault(key)
      if (this.map.has(key)) this.before.set(key, this.map.get(key))
      this.map.set(key, value)
    })
  }

  delete(key: string): Promise<boolean> {
    return this.#writes.during(key, async () => {
      await setImmediate()
      if (this.fault('delete', key, true)) return this.onFault(key) as boolean
      this.before.set(key, this.map.get(key))
      return this.map.delete(key)
    })
  }
}

/** How many writes of each key have begun and ended. */
class Writes {
  readonly #begun = new Map<string, number>()
  readonly #ended = new Map<string, number>()

  async during<T>(key: string, write: () => Promise<T>): Promise<T> {
    increment(this.#begun, key)
    try {
      return await write()
    } finally {
      // The workload takes note of the end some microtasks after this.
      void setImmediate().then(() => increment(this.#ended, key))
    }
  }

  /** @returns whether no write of the key has been under way between this call and that */
  watch(key: string): () => boolean {
    const begun = this.#begun.get(key)
    const isQuiet = begun === this.#ended.get(key)
    return () => isQuiet && begun === this.#begun.get(key)
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

interface Fault {
  readonly method: Method
  readonly when?: (key: string, store: Store) => boolean
  /** What the call returns in place of doing its work. */
  readonly answer?: (key: string, store: Store) => unknown
  /** In one call that overlaps no write of its key, so that what it shows is wrong for certain; otherwise in every one. */
  readonly once?: boolean
}

/** Loads correctly, then breaks the store under load, and reports. */
async function runWith(fault?: Fault): Promise<WorkloadReport> {
  const store = new Store()
  const workload = new Workload(store, { keys: 200, writers: 8, readers: 8 })
  await workload.load()
  workload.start()
  await workload.progress(5000)
  let injected = 0
  if (fault) {
    store.onFault = (key) => fault.answer?.(key, store)
    store.fault = (method, key, isAlone) => {
      if (method !== fault.method || fault.when?.(key, store) === false) return false
      if (fault.once && (injected > 0 || !isAlone)) return false
      injected++
      return true
    }
  }
  await workload.progress(5000)
  await workload.stop()
  store.fault = () => false
  assert.ok(!fault || injected > 0, 'the fault was never injected')
  await workload.sweep()
  return workload.report()
}

function count(report: WorkloadReport): number {
  return Object.values(report.violations).reduce((sum, violations) => sum + violations, 0)
}

describe('the workload', () => {
  it('finds nothing wrong with a correct store', async () => {
    const report = await runWith()
    assert.deepEqual(
      { found: count(report), errors: report.errors, details: report.details },
      { found: 0, errors: 0, details: [] },
    )
    assert.equal(report.sweptKeys, 200)
    assert.ok(report.operations.delete > 0)
  })

  it('catches an acknowledged writes that were never stored', async () => {
    const { violations } = await runWith({ method: 'set', when: (key) => key.endsWith('7') })
    assert.ok(violations.stale + violations.miss + violations.resurrected > 0)
    assert.ok(violations.lost > 0)
  })

  it('catches a read that shows the value before', async () => {
    const { violations } = await runWith({
      once: true,
      method: 'get',
      when: (key, store) => typeof store.before.get(key) === 'string',
      answer: (key, store) => store.before.get(key),
    })
    assert.equal(violations.stale + violations.resurrected, 1)
  })

  it('catches a delete that was acknowledged and not done', async () => {
    const { violations } = await runWith({ method: 'delete' })
    assert.ok(violations.resurrected > 0)
  })

  it('catches deletes that were done and say that there was nothing to do', async () => {
    const report = await runWith({ method: 'delete', answer: (key, store) => store.map.delete(key) && false })
    assert.ok(report.violations['wrong answer'] > 0)
    assert.equal(count(report), report.violations['wrong answer'])
    assert.match(
      report.details[0]!,
      /wrong answer: delete \d+ of "key \d+.*", which was there, answered false/,
    )
  })

  it('catches a miss', async () => {
    const { violations } = await runWith({
      once: true,
      method: 'get',
      when: (key, store) => store.map.has(key),
    })
    assert.equal(violations.miss, 1)
  })

  it('catches a value with one byte changed, and the value of another key', async () => {
    const oneByte = await runWith({
      once: true,
      method: 'get',
      when: (key, store) => typeof store.map.get(key) === 'string',
      answer: (key, store) => `${String(store.map.get(key)).slice(0, -1)}!`,
    })
    assert.equal(oneByte.violations.corrupt, 1)
    const other = await runWith({
      once: true,
      method: 'get',
      answer: (key, store) => [...store.map].find(([other]) => other !== key)?.[1],
    })
    assert.equal(other.violations.corrupt, 1)
  })

  it('counts errors', async () => {
    const report = await runWith({
      once: true,
      method: 'set',
      answer: () => {
        throw new Error('broken')
      },
    })
    assert.equal(report.errors, 1)
    assert.match(report.details[0]!, /set "key \d+.*" failed after \d+ ms: .*broken/)
  })
})
