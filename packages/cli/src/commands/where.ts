import { keySlot, NONE, type ServerInfo, type Topology } from '@icf/common'
import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { withAdmin } from '../session.js'
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
  const topology = await withAdmin(options, (admin) => admin.topology())
  const slot = keySlot(key)
  const primary = serverAt(topology, topology.primary[slot]!)
  const backup = serverAt(topology, topology.backup[slot]!)
  if (options.json) printJson({ key, slot, primary: located(primary), backup: located(backup) })
  else print(`slot     ${slot}`, `primary  ${described(primary)}`, `backup   ${described(backup)}`)
  return Exit.DONE
}

function serverAt(topology: Topology, seat: number): ServerInfo | undefined {
  return seat === NONE ? undefined : topology.servers[seat]
}

function located(server: ServerInfo | undefined): object | null {
  return server ? { id: server.id, host: server.host, port: server.port } : null
}

function described(server: ServerInfo | undefined): string {
  return server ? `${server.host}:${server.port}  (${server.id.slice(0, 8)})` : 'none'
}
