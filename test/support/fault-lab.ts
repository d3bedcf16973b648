import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { Cluster, type ClusterOptions } from './cluster.js'
import { WatchedCache } from './watched-cache.js'
import type { Violation } from './workload/history.js'
import { NO_VIOLATIONS, Workload, type WorkloadOptions, type WorkloadReport } from './workload/workload.js'

/** Calls that must have ended before the fault, and again after it. */
const CALLS_AROUND_FAULT = 2000
const SETTLE_TIMEOUT_MS = 60_000
const EVENTS_SHOWN = 30

export interface LabOptions extends ClusterOptions, WorkloadOptions {
  readonly keys: number
  /** Deadline of each call, instead of the client's default. */
  readonly callTimeoutMs?: number
}

/** Under which a fault is tried. */
export interface Conditions {
  /** Calls may fail at their deadline. Default false. */
  readonly timeouts?: boolean
  /** Members at its beginning; those before may have left any number. By default as many as are left. */
  readonly servers?: number
  /** Deadline of each call, instead of the lab's. */
  readonly callTimeoutMs?: number
}

/** What is tried. */
interface Subject {
  readonly cluster: Cluster
  readonly cache: WatchedCache
  readonly workload: Workload
}

/**
 * One cluster with its data, on which one fault after the other is tried under load: what each key may show is known
 * from the first fault to the last. After a fault that clients noticed, the next one gets a new cluster.
 */
export class FaultLab {
  #subject: Subject | undefined

  constructor(private readonly options: LabOptions) {}

  /** Runs a fault, which returns when it is over, and requires that no client noticed then or afterwards. */
  async endure(
    t: TestContext,
    { timeouts = false, servers, callTimeoutMs }: Conditions,
    fault: (cluster: Cluster, workload: Workload) => Promise<void>,
  ): Promise<void> {
    const subject = (this.#subject ??= await makeSubject({
      ...this.options,
      ...(servers !== undefined && { servers }),
    }))
    const { cluster, cache, workload } = subject
    const before = workload.report()
    cache.forget()
    cache.callTimeoutMs = callTimeoutMs
    try {
      if (servers !== undefined) await cluster.resize(servers)
      workload.start()
      await workload.progress(CALLS_AROUND_FAULT)
      await fault(cluster, workload)
      await cluster.settled(SETTLE_TIMEOUT_MS)
      await workload.progress(CALLS_AROUND_FAULT)
      // What went wrong at the end of the fault can take some time to be found, and to be mended.
      await cluster.settled(SETTLE_TIMEOUT_MS)
      await workload.stop()
      await workload.sweep()
      requireClean(subject, before, timeouts)
      // A sweep that gave up found nothing wrong, either.
      assert.equal(workload.report().sweptKeys - before.sweptKeys, this.options.keys)
      t.diagnostic(describe(subject, before))
    } catch (error) {
      t.diagnostic(describe(subject, before))
      console.error(`--- ${t.name}\n${await lastEvents(cluster)}\n${cluster.transcript()}`)
      await this.#abandon(subject)
      throw error
    }
  }

  async close(): Promise<void> {
    if (!this.#subject) return
    const { cluster, cache } = this.#subject
    await cache.close()
    await cluster.stop()
  }

  async #abandon({ cluster, cache, workload }: Subject): Promise<void> {
    this.#subject = undefined
    await cache.close()
    await workload.stop()
    await cluster.stop().catch(() => undefined)
  }
}

async function makeSubject(options: LabOptions): Promise<Subject> {
  const cluster = await Cluster.start(options)
  try {
    const { callTimeoutMs } = options
    const client = await cluster.connect(callTimeoutMs === undefined ? {} : { timeoutMs: callTimeoutMs })
    const cache = new WatchedCache(client)
    const workload = new Workload(cache, options)
    await workload.load()
    return { cluster, cache, workload }
  } catch (error) {
    console.error(cluster.transcript())
    await cluster.stop()
    throw error
  }
}

function requireClean({ cache, workload }: Subject, before: WorkloadReport, mayTimeOut: boolean): void {
  const now = workload.report()
  const errors = cache.errors
  if (mayTimeOut) for (const code of ['TIMEOUT', 'OUTCOME_UNKNOWN']) errors.delete(code)
  const found = { ...since(before, now), ...Object.fromEntries(errors) }
  assert.deepEqual(found, NO_VIOLATIONS, now.details.join('\n'))
}

function since(before: WorkloadReport, now: WorkloadReport): Record<Violation, number> {
  const counts = { ...now.violations }
  for (const kind of Object.keys(counts) as Violation[]) counts[kind] -= before.violations[kind]
  return counts
}

function describe({ cache, workload }: Subject, before: WorkloadReport): string {
  const trouble = [...cache.errors, ...Object.entries(since(before, workload.report()))]
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
  const longest = `the longest of ${cache.calls} calls took ${Math.round(cache.longestMs)} ms`
  return [longest, ...trouble].join(', ')
}

async function lastEvents(cluster: Cluster): Promise<string> {
  try {
    const { events } = (await cluster.ask('EVENTS')) as { events: unknown[] }
    return events
      .slice(-EVENTS_SHOWN)
      .map((event) => JSON.stringify(event))
      .join('\n')
  } catch (error) {
    return `the master does not tell its events: ${String(error)}`
  }
}
