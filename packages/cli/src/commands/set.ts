import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { CliError, Exit, fileProblem, systemCode, usageError } from '../errors.js'
import { addConnectOptions, duration, oneShotOption, type ConnectOptions } from '../options.js'
import { print, printJson } from '../output.js'
import { withCache } from '../session.js'
import { runs } from './runs.js'

interface SetOptions extends ConnectOptions {
  readonly ttl?: number
  readonly file?: string
}

export function addSet(program: Command): void {
  const command = program
    .command('set')
    .summary('store a value under a key')
    .description(
      'Stores VALUE under KEY. VALUE is text; "-" reads it from stdin and --file from a file, as bytes. ' +
        'It returns once the value is on two servers (when there are two).',
    )
    .argument('<KEY>')
    .argument('[VALUE]')
    .addOption(oneShotOption('--ttl <duration>', 'forget the value after').argParser(duration))
    .addOption(oneShotOption('--file <path>', 'store the bytes of this file'))
    .addHelpText('after', '\nA value that starts with a dash goes behind "--":  icf set KEY -- --value')
  addConnectOptions(command).action(runs(set))
}

async function set(key: string, text: string | undefined, options: SetOptions): Promise<number> {
  const value = await readValue(text, options.file)
  await withCache(options, (cache) =>
    cache.set(key, value, options.ttl === undefined ? {} : { ttlMs: options.ttl }),
  )
  if (options.json) printJson({ key, bytes: Buffer.byteLength(value), ttlMs: options.ttl ?? null })
  else print('OK')
  return Exit.DONE
}

async function readValue(text: string | undefined, file: string | undefined): Promise<string | Uint8Array> {
  if (file !== undefined) {
    if (text !== undefined) throw usageError('give either VALUE or --file, not both')
    return readFile(file).catch((error: unknown) => {
      throw new CliError(Exit.FAILED, systemCode(error) ?? 'FILE', `${file}: ${fileProblem(error)}`, {
        cause: error,
      })
    })
  }
  if (text === undefined)
    throw usageError('VALUE is missing: write icf set KEY VALUE, or - to read it from stdin')
  return text === '-' ? readStdin() : text
}

async function readStdin(): Promise<Uint8Array> {
  const parts: Buffer[] = []
  for await (const part of process.stdin) parts.push(part as Buffer)
  return Buffer.concat(parts)
}
