import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { EtcdOptions } from '@icf/master'
import { usageError } from '../errors.js'
import { option } from '../options.js'

export interface EtcdArguments {
  readonly coordination: string
  readonly etcd?: string
  readonly etcdUser?: string
  readonly etcdPasswordFile?: string
  readonly etcdCa?: string
  readonly etcdCert?: string
  readonly etcdKey?: string
  /** They go with another coordination. */
  readonly peers?: string
  readonly dataDir?: string
}

/** A password is not to be seen by whoever lists the processes of a machine: it has no option. */
const PASSWORD_VARIABLE = 'ICF_ETCD_PASSWORD'

export function addEtcdOptions(command: Command): void {
  command
    .addOption(
      option(
        '--coordination <kind>',
        'what guards against two active masters: they vote (embedded), or etcd knows',
      )
        .choices(['embedded', 'etcd'])
        .default('embedded'),
    )
    .addOption(
      option('--etcd <urls>', 'where etcd is, http://host:2379,… or https://…, with --coordination etcd'),
    )
    .addOption(option('--etcd-user <name>', 'as whom it is asked'))
    .addOption(
      option(
        '--etcd-password-file <file>',
        `file with the password of --etcd-user (or ${PASSWORD_VARIABLE})`,
      ),
    )
    .addOption(
      option('--etcd-ca <file>', 'PEM: who signs the certificates of etcd (default: whom Node.js trusts)'),
    )
    .addOption(option('--etcd-cert <file>', 'PEM: the certificate that is shown to etcd'))
    .addOption(option('--etcd-key <file>', 'PEM: its key'))
}

/**
 * @returns undefined where masters do not use etcd
 * @throws CliError for what does not go together, or a file that can not be read
 */
export function readEtcdOptions(
  given: EtcdArguments,
  env: NodeJS.ProcessEnv = process.env,
): EtcdOptions | undefined {
  const { etcd, etcdUser, etcdCa, etcdCert, etcdKey, etcdPasswordFile } = given
  const of = { etcd, etcdUser, etcdPasswordFile, etcdCa, etcdCert, etcdKey }
  if (given.coordination !== 'etcd') {
    for (const [name, value] of Object.entries(of))
      if (value !== undefined) throw usageError(`${optionName(name)} goes with --coordination etcd`)
    return undefined
  }
  if (given.peers !== undefined)
    throw usageError('--peers: with --coordination etcd the masters find each other by etcd')
  if (given.dataDir !== undefined)
    throw usageError('--data-dir: with --coordination etcd the state is in etcd')
  const endpoints = (etcd ?? '').split(',').map((url) => url.trim()).filter((url) => url !== '') // prettier-ignore
  if (endpoints.length === 0) throw usageError('--coordination etcd: write --etcd http://host:2379,…')
  if ((etcdCert === undefined) !== (etcdKey === undefined))
    throw usageError('--etcd-cert and --etcd-key go together')
  const password = passwordOf(etcdPasswordFile, env)
  if (etcdUser !== undefined && password === undefined)
    throw usageError(`--etcd-user: its password is missing: --etcd-password-file, or ${PASSWORD_VARIABLE}`)
  return {
    endpoints,
    ...(etcdUser !== undefined && { user: etcdUser, password: password! }),
    ...(etcdCa !== undefined && { caFile: etcdCa }),
    ...(etcdCert !== undefined && { certFile: etcdCert }),
    ...(etcdKey !== undefined && { keyFile: etcdKey }),
  }
}

/** What ends the last line of a file is not of the password. */
function passwordOf(file: string | undefined, env: NodeJS.ProcessEnv): string | undefined {
  if (file === undefined) return env[PASSWORD_VARIABLE]
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    throw usageError(`--etcd-password-file: can not read ${file}: ${(error as Error).message}`)
  }
}

function optionName(attribute: string): string {
  return `--${attribute.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
