import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { withCache } from '../session.js'
import { runs } from './runs.js'

export function addDel(program: Command): void {
  const command = program
    .command('del')
    .summary('delete keys')
    .description('Deletes the keys and prints how many of them there were. Exit code 1 when there was none.')
    .argument('<KEY...>')
  addConnectOptions(command).action(runs(del))
}

async function del(keys: string[], options: ConnectOptions): Promise<number> {
  const wereThere = await withCache(options, (cache) => Promise.all(keys.map((key) => cache.delete(key))))
  const deleted = wereThere.filter(Boolean).length
  if (options.json) printJson({ deleted })
  else print(String(deleted))
  return deleted > 0 ? Exit.DONE : Exit.NO
}
