import { formatAddress } from '@icf/common/node'
import type { UpOptions } from '../commands/up.js'
import { usageError } from '../errors.js'
import { weight } from '../options.js'
import { plural } from '../units.js'
import type { PortPlan } from './port-plan.js'

/** @throws CliError for what can not be right for all processes */
export function refuseOneForAll(options: UpOptions): void {
  const { port, peers, processes, masters, servers, httpPort, respPort, coordination, dataDir } = options
  if (port !== undefined) throw usageError('--port: each process has a port of its own, from --base-port on')
  if (processes !== undefined)
    throw usageError('--processes: each cache server is a process of its own; --servers says how many')
  if (peers !== undefined) throw usageError('--peers: the masters of a local cluster know each other')
  if (coordination === 'etcd' && dataDir !== undefined)
    throw usageError('--data-dir: with --coordination etcd the state is in etcd')
  if (httpPort && masters > 1)
    throw usageError(`${notShared('--http-port', httpPort, masters, 'master')}, or start --masters 1`)
  if (respPort && servers > 1) throw usageError(notShared('--resp-port', respPort, servers, 'cache server'))
}

function notShared(name: string, port: number, count: number, who: string): string {
  return `${name} ${port}: ${plural(count, who)} can not share a port; theirs follow from --base-port`
}

/** `--masters` of everyone who talks to the cluster. */
export function masterAddresses({ masters }: PortPlan, host: string): string {
  return masters.map(({ port }) => formatAddress({ host, port })).join(',')
}

/** What the cache server at `index` gets, but for where it listens and what is passed on to all. */
export function serverArgs(
  { host, zone, weight, respPort }: UpOptions,
  plan: PortPlan,
  index: number,
): string[] {
  return [
    ...['--masters', masterAddresses(plan, host)],
    ...inTurn('--zone', zone, index),
    ...inTurn('--weight', weight, index),
    ...(respPort === undefined ? [] : ['--resp-port', String(respPort)]),
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
