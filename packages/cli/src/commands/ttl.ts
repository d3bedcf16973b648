import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { withCache } from '../session.js'
import { formatDuration } from '../units.js'
import { runs } from './runs.js'

export function addTtl(program: Command): void {
  const command = program
    .command('ttl')
    .summary('show how long a key has to live')
    .description('Shows how long KEY has to live, or "forever". Exit code 1 when there is no such key.')
    .argument('<KEY>')
  addConnectOptions(command).action(runs(ttl))
}

async function ttl(key: string, options: ConnectOptions): Promise<number> {
  const left = await withCache(options, (cache) => cache.ttl(key))
  const found = left !== undefined
  if (options.json) printJson(found ? { key, found, ttlMs: left } : { key, found })
  else if (found) print(left === null ? 'forever' : formatDuration(left))
  else note(`icf: no such key: ${key}`)
  return found ? Exit.DONE : Exit.NO
}
