import { existsSync } from 'node:fs'
import { basename, relative, sep } from 'node:path'
import { formatAddress, type Address } from '@icf/common/node'
import { DEFAULT_CLUSTER, DEFAULT_MASTERS } from '../options.js'
import type { Style } from '../style.js'
import { plural } from '../units.js'
import type { ClusterJson } from './cluster-file.js'

export interface BannerInput {
  readonly cluster: ClusterJson
  readonly clusterName: string
  readonly folder: string
  /** How to call `icf` from here. */
  readonly icf: string
}

/** What `icf up` says once everything serves: where to look, what to type next. */
export function bannerLines({ cluster, clusterName, folder, icf }: BannerInput, style: Style): string[] {
  const { masters, servers } = cluster
  const options = connectOptions(cluster, clusterName)
  const command = (text: string): string => `${icf} ${text}${options}`
  const sample = existsSync('node_modules/typescript') ? 'node_modules/typescript' : 'DIR'
  const victim = servers[1] ?? servers[0]
  const active = masters.length > 1 ? masters.find(({ role }) => role === 'active') : undefined
  const steps: [string, string][] = [
    [command('status'), 'who is there and what they hold'],
    [command('set greeting hello'), 'store a value …'],
    [command('get greeting'), '… and read it'],
    [command(`load ${sample}`), 'store every file of a folder'],
    ...(victim
      ? [[`kill -9 ${victim.pid}`, `the cache server ${formatAddress(victim)} dies`] as [string, string]]
      : []),
    ...(active
      ? [[`kill -9 ${active.pid}`, `so does the active master, ${formatAddress(active)}`] as [string, string]]
      : []),
    [command(`verify ${sample}`), 'every byte is still there'],
    [`${icf} --help`, 'everything else'],
  ]
  const width = Math.max(...steps.map(([text]) => text.length))
  return [
    '',
    `${style.green('icf is up')}: ${plural(masters.length, 'master')} and ${plural(servers.length, 'cache server')} on this machine`,
    '',
    `  masters        ${addresses(masters)}`,
    `  cache servers  ${addresses(servers)}`,
    ...pages(masters),
    `  processes      ${folder}${sep}cluster.json`,
    `  logs           ${folder}${sep}logs`,
    '',
    'Try in another terminal:',
    '',
    ...steps.map(([text, meaning]) => `  ${style.bold(text.padEnd(width))}  ${style.dim(meaning)}`),
    '',
    'Ctrl-C ends it all.',
  ]
}

/** How people call this program from where they are. */
export function commandName(argv1: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env.npm_lifecycle_event !== undefined || env.npm_command === 'exec') return 'npx icf'
  if (basename(argv1) !== 'icf') return `node ${relative(process.cwd(), argv1) || argv1}`
  return argv1.includes(`node_modules${sep}.bin${sep}`) ? 'npx icf' : 'icf'
}

/** Only what differs from the defaults needs to be typed. */
function connectOptions({ masters }: ClusterJson, clusterName: string): string {
  const listed = masters.map(formatAddress)
  const list = listed.join(',')
  const isDefault = listed.every((address) => DEFAULT_MASTERS.split(',').includes(address))
  // A shell may take brackets for a pattern.
  const quoted = list.includes('[') ? `"${list}"` : list
  const mastersOption = isDefault ? '' : ` --masters ${quoted}`
  return mastersOption + (clusterName === DEFAULT_CLUSTER ? '' : ` --cluster ${clusterName}`)
}

function addresses(members: readonly Address[]): string {
  return members.map(formatAddress).join('  ')
}

function pages(masters: ClusterJson['masters']): string[] {
  const bases = masters
    .filter(({ httpPort }) => httpPort !== 0)
    .map(({ host, httpPort }) => `http://${formatAddress({ host, port: httpPort })}`)
  return bases.map((base) => `  HTTP           ${base}/metrics  ${base}/api/status`)
}
