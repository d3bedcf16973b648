import { limits } from '@icf/common'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { CliError, Exit } from './errors.js'
import { parseBytes, parseDuration } from './units.js'

/** An option that can also be given as ICF_… in the environment: `--http-port` as ICF_HTTP_PORT. */
export function option(flags: string, description: string, envName?: string): Option {
  const made = new Option(flags, description)
  return made.env(envName ?? `ICF_${made.name().replaceAll('-', '_').toUpperCase()}`)
}

/** An option that says what one call is to do. It is not read from the environment, where it would mean every later call. */
export function oneShotOption(flags: string, description: string): Option {
  return new Option(flags, description)
}

/** Those of `icf up`. */
export const DEFAULT_MASTERS = '127.0.0.1:7000,127.0.0.1:7001'
export const DEFAULT_CLUSTER = 'icf'

/** What every command that talks to a cluster takes. Durations are in milliseconds, as all numbers here. */
export interface ConnectOptions {
  readonly masters: string
  readonly cluster: string
  readonly timeout: number
  readonly json?: boolean
}

export function addConnectOptions(command: Command, timeoutMs = 5000): Command {
  return command
    .addOption(option('--masters <addresses>', 'masters to ask, host:port,…').default(DEFAULT_MASTERS))
    .addOption(clusterOption())
    .addOption(
      option('--timeout <duration>', 'give up after')
        .argParser(timerDuration)
        .default(timeoutMs, durationText(timeoutMs)),
    )
    .addOption(jsonOption())
}

export function clusterOption(): Option {
  return option('--cluster <name>', 'name of the cluster').argParser(clusterName).default(DEFAULT_CLUSTER)
}

export function jsonOption(): Option {
  return option('--json', 'results on stdout and errors on stderr as JSON')
}

export function hostOption(): Option {
  return option('--host <address>', 'address to listen on').default('127.0.0.1')
}

export function maxMemoryOption(description: string): Option {
  return option(
    '--max-memory <size>',
    `${description}; 80 % of what exceeds 96mb holds values and their backups`,
  )
    .argParser(bytes)
    .default(256 * 1024 ** 2, '256mb')
}

export function logLevelOption(): Option {
  return option('--log-level <level>', 'least level of what is logged')
    .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
}

/** The settings of failure detection; the master tells them to every cache server. */
export function addTimingOptions(command: Command): Command {
  return command
    .addOption(
      option('--heartbeat-interval <duration>', 'cache servers send a heartbeat about this often')
        .argParser(timerDuration)
        .default(100, '100ms'),
    )
    .addOption(
      option('--lease <duration>', 'a cache server serves this long after a heartbeat that was answered')
        .argParser(timerDuration)
        .default(1000, '1s'),
    )
    .addOption(
      option('--dead-after <duration>', 'a cache server is dead after this long without a heartbeat')
        .argParser(timerDuration)
        .default(1500, '1500ms'),
    )
}

export interface TimingOptions {
  readonly heartbeatInterval: number
  readonly lease: number
  readonly deadAfter: number
}

export function duration(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('Write a duration like 500ms, 60s, 5m, 1h or 7d.')
  if (ms < 1) throw new InvalidArgumentError('It must be at least 1ms.')
  return ms
}

/** A timer takes 2^31-1 ms, almost 25 days, and ends at once when it is given more. */
const MAX_TIMER_DAYS = 24

function timerDuration(text: string): number {
  const ms = duration(text)
  if (ms > MAX_TIMER_DAYS * 86_400_000)
    throw new InvalidArgumentError(`It must be at most ${MAX_TIMER_DAYS}d.`)
  return ms
}

function durationText(ms: number): string {
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${ms}ms`
}

function bytes(text: string): number {
  const size = parseBytes(text)
  if (size === undefined) throw new InvalidArgumentError('Write a size like 64kb, 256mb or 1gb.')
  if (size < 1) throw new InvalidArgumentError('It must be at least 1b.')
  return size
}

/** A whole number from `least` to `most`. */
export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN
    if (number >= least && number <= most) return number
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  }
}

/** Of one `icf cache`. */
export const MAX_PROCESSES = 128

/** How many processes: `auto` is one for each core. */
export type Processes = number | 'auto'

export function processes(text: string): Processes {
  if (text === 'auto') return text
  const number = /^\d+$/.test(text) ? Number(text) : NaN
  if (number >= 1 && number <= MAX_PROCESSES) return number
  throw new InvalidArgumentError(`Write auto, or a whole number from 1 to ${MAX_PROCESSES}.`)
}

export const port = integer(1, 65_535)
/** 0: do not listen there. */
export const optionalPort = integer(0, 65_535)

export function weight(text: string): number {
  const number = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN
  if (number <= limits.maxWeight) return number
  throw new InvalidArgumentError(`It must be a number from 0 to ${limits.maxWeight}, for example 1 or 2.5.`)
}

function clusterName(text: string): string {
  if (text.length >= 1 && text.length <= limits.maxNameLength) return text
  throw new InvalidArgumentError(`A name has 1 to ${limits.maxNameLength} characters.`)
}

/** What Kubernetes sets in every pod for each service: one named `icf` makes ICF_PORT of it, `icf-http` ICF_HTTP_PORT. */
const SERVICE_LINK = /^(tcp|udp|sctp):\/\//

const YES = ['1', 'true', 'yes', 'on']
const NO = ['0', 'false', 'no', 'off', '']

/**
 * Makes the environment mean what people write: ICF_JSON=false is no, and an empty variable, or one that Kubernetes
 * wrote, is as good as none.
 * Commander itself takes any value of a switch's variable for yes.
 */
export function normalizeEnvironment(command: Command, env: NodeJS.ProcessEnv = process.env): void {
  for (const { envVar, required, optional } of command.options) {
    const value = envVar === undefined ? undefined : env[envVar]
    if (envVar === undefined || value === undefined) continue
    const isSwitch = !required && !optional
    const text = value.trim().toLowerCase()
    if (text === '' || SERVICE_LINK.test(text) || (isSwitch && NO.includes(text))) delete env[envVar]
    else if (isSwitch && !YES.includes(text))
      throw new CliError(Exit.USAGE, 'USAGE', `${envVar}=${value}: write true or false`)
  }
}
