import type { Command } from 'commander'
import { Exit } from '../errors.js'
import { addConnectOptions, type ConnectOptions } from '../options.js'
import { note, printJson } from '../output.js'
import { withCache } from '../session.js'
import { runs } from './runs.js'
import { showValue, type Shown } from '../value.js'

export function addGet(program: Command): void {
  const command = program
    .command('get')
    .summary('print the value of a key')
    .description(
      'Prints the value of KEY on stdout: text and bytes as they are, any other value as JSON. Exit code 1 when there is no such key.',
    )
    .argument('<KEY>')
  addConnectOptions(command).action(runs(get))
}

async function get(key: string, options: ConnectOptions): Promise<number> {
  const value = await withCache(options, (cache) => cache.get(key))
  const found = value !== undefined
  if (options.json) printJson(found ? { key, found, ...withoutBytes(showValue(value)) } : { key, found })
  else if (found) writeRaw(showValue(value))
  else note(`icf: no such key: ${key}`)
  return found ? Exit.DONE : Exit.NO
}

function withoutBytes({ bytes: _, ...rest }: Shown): object {
  return rest
}

/** On a terminal the prompt should not stand behind the value; a pipe gets the bytes and nothing else. */
function writeRaw({ bytes }: Shown): void {
  process.stdout.write(bytes)
  if (process.stdout.isTTY && bytes.at(-1) !== 0x0a) process.stdout.write('\n')
}
