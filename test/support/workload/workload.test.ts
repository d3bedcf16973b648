import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Workload, type CacheUnderTest, type WorkloadReport } from './workload.js'

type Method = 'get' | 'set' | 'delete'

/** A correct store, every call of which ends in a later turn; `fault` may answer a call in its place. */
class Store implements CacheUnderTest {
  readonly map = new Map<string, unknown>()
  readonly before = new Map<string, unknown>()
  fault: (method: Method, key: string) => boolean = () => false
  onFault: (key: string) => unknown = () => undefined

  async get(key: string): Promise<unknown> {
    await setImmediate()
    return this.fault('get', key) ? this.onFault(key) : this.map.get(key)
  }

  async set(key: string, value: unknown): Promise<void> {
    await setImmediate()
    if (this.fault('set', key)) return void this.onFault(key)
    if (this.map.has(key)) this.before.set(key, this.map.get(key))
    this.map.set(key, value)
  }

  async delete(key: string): Promise<boolean> {
    await setImmediate()
    if (this.fault('delete', key)) return this.onFault(key) as boolean
    this.before.set(key, this.map.get(key))
    return this.map.delete(key)
  }
}

interface Fault {
  readonly method: Method
  readonly when?: (key: string, store: Store) => boolean
  /** What the call returns in place of doing its work. */
  readonly answer?: (key: string, store: Store) => unknown
  /** Otherwise every call that matches is broken. */
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
    store.fault = (method, key) => {
      if (method !== fault.method || (fault.once && injected > 0) || fault.when?.(key, store) === false)
        return false
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
      answer: (_, store) => [...store.map.values()].at(-1),
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
