import type { ServerInfo } from '@icf/common'
import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { withCache } from '../session.js'
import { runs } from './runs.js'

export function addWhere(program: Command): void {
  const command = program
    .command('where')
    .summary('show the slot and the servers of a key')
    .description(
      'Shows the slot of KEY, and the servers that hold its primary and its backup, whether the key exists or not.',
    )
    .argument('<KEY>')
  addConnectOptions(command).action(runs(where))
}

async function where(key: string, options: ConnectOptions): Promise<number> {
  const { formatAddress } = await import('@icf/common/node')
  const { slot, primary, backup } = await withCache(options, async (cache) => cache.where(key))
  if (options.json) printJson({ key, slot, primary: located(primary), backup: located(backup) })
  else {
    const describe = (server: ServerInfo | undefined): string =>
      server ? `${formatAddress(server)}  (${server.id.slice(0, 8)})` : 'none'
    print(`slot     ${slot}`, `primary  ${describe(primary)}`, `backup   ${describe(backup)}`)
  }
  return Exit.DONE
}

function located(server: ServerInfo | undefined): object | null {
  return server ? { id: server.id, host: server.host, port: server.port } : null
}
