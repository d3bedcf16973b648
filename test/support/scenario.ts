import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Cluster, type ClusterOptions, withCluster } from './cluster.js'
import { NO_VIOLATIONS, Workload, type WorkloadOptions, type WorkloadReport } from './workload/workload.js'

/** Calls that must have ended before the fault, and again after it. */
const CALLS_AROUND_FAULT = 2000

export interface ScenarioOptions extends ClusterOptions, WorkloadOptions {
  /** Deadline of each call, instead of the client's default. */
  readonly callTimeoutMs?: number
}

/**
 * Runs a fault under load: loads the data, starts writers and readers, runs `fault`, which returns when the cluster has
 * settled again, and then requires that no client noticed.
 */
export async function underLoad(
  t: TestContext,
  options: ScenarioOptions,
  fault: (cluster: Cluster, workload: Workload) => Promise<void>,
): Promise<void> {
  const laps = new Laps()
  await withCluster(options, async (cluster) => {
    laps.end('start')
    const { callTimeoutMs } = options
    const cache = await cluster.connect(callTimeoutMs === undefined ? {} : { timeoutMs: callTimeoutMs })
    const workload = new Workload(cache, options)
    try {
      await workload.load()
      laps.end('load')
      workload.start()
      await workload.progress(CALLS_AROUND_FAULT)
      laps.end('before')
      await fault(cluster, workload)
      laps.end('fault')
      await workload.progress(CALLS_AROUND_FAULT)
      await workload.stop()
      laps.end('after')
      await workload.sweep()
      laps.end('sweep')
    } finally {
      await workload.stop()
      await cache.close()
      t.diagnostic(`${describeReport(workload.report())}; ${laps.toString()}`)
    }
    requireClean(workload.report())
  })
}

/** How long each part of a scenario took. */
class Laps {
  #beganMs = performance.now()
  readonly #laps: string[] = []

  end(name: string): void {
    const nowMs = performance.now()
    this.#laps.push(`${name} ${((nowMs - this.#beganMs) / 1000).toFixed(1)} s`)
    this.#beganMs = nowMs
  }

  toString(): string {
    return this.#laps.join(', ')
  }
}

function describeReport({
  operations,
  longestCallMs,
  longestCall,
  errors,
  violations,
}: WorkloadReport): string {
  const { set, get, delete: deleted } = operations
  const found = Object.entries(violations).filter(([, count]) => count > 0)
  const trouble =
    errors > 0 || found.length > 0
      ? `; ${errors} errors, ${found.map(([kind, n]) => `${n} ${kind}`).join(', ')}`
      : ''
  return `the longest any one call took: ${longestCallMs} ms (${longestCall}); ${set} sets, ${deleted} deletes, ${get} gets${trouble}`
}

function requireClean({ violations, errors, details, sweptKeys }: WorkloadReport): void {
  const clean = { ...NO_VIOLATIONS, errors: 0 }
  assert.deepEqual({ ...violations, errors }, clean, details.join('\n'))
  assert.ok(sweptKeys > 0)
}
