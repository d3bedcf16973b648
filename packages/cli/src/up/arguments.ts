import type { UpOptions } from '../commands/up.js'
import { usageError } from '../errors.js'
import { weight } from '../options.js'
import type { PortPlan } from './port-plan.js'

/** What `icf up` passes on to its masters, but for where they listen. */
export function masterArgs({ cluster, logLevel, heartbeatInterval, lease, deadAfter }: UpOptions): string[] {
  return [
    ...['--cluster', cluster],
    ...['--log-level', logLevel],
    ...['--heartbeat-interval', `${heartbeatInterval}ms`],
    ...['--lease', `${lease}ms`],
    ...['--dead-after', `${deadAfter}ms`],
  ]
}

/** What `icf up` passes on to the cache server at `index`, but for where it listens. */
export function serverArgs(options: UpOptions, plan: PortPlan, index: number): string[] {
  const { host, advertiseHost, cluster, logLevel, maxMemory } = options
  return [
    ...['--masters', plan.masters.map(({ port }) => `${host}:${port}`).join(',')],
    ...['--cluster', cluster],
    ...['--log-level', logLevel],
    ...['--max-memory', `${maxMemory}b`],
    ...(advertiseHost === undefined ? [] : ['--advertise-host', advertiseHost]),
    ...inTurn('--zone', options.zone, index),
    ...inTurn('--weight', options.weight, index),
  ]
}

/** `a,b,c` is dealt out: the fourth server gets `a` again. */
function inTurn(name: string, list: string | undefined, index: number): string[] {
  if (list === undefined) return []
  const values = list.split(',').map((value) => value.trim())
  const value = values[index % values.length]!
  if (value === '') throw usageError(`${name} ${list}: write one value, or several with commas between`)
  if (name === '--weight') checkWeight(list, value)
  return [name, value]
}

function checkWeight(list: string, value: string): void {
  try {
    weight(value)
  } catch (error) {
    throw usageError(`--weight ${list}: ${(error as Error).message}`)
  }
}
