import { readFile } from 'node:fs/promises'
import type { Client } from '@icf/client'
import type { Command } from 'commander'
import { CliError, describeError, Exit, fileProblem } from '../errors.js'
import { forEachBounded } from '../files/pool.js'
import { skippedLines, throughput, Tally, UNDER_WAY } from '../files/tally.js'
import { walk, type FoundFile } from '../files/walk.js'
import { addConnectOptions, oneShotOption, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { withCache } from '../session.js'
import { formatBytes, plural } from '../units.js'
import { runs } from './runs.js'

export interface FilesOptions extends ConnectOptions {
  readonly prefix?: string
}

const TIMEOUT_MS = 30_000

export function addLoad(program: Command): void {
  const command = program
    .command('load')
    .summary('store every file of a folder')
    .description(
      'Stores every file below DIR under its path relative to DIR, with "/" between the parts. Symbolic links are not ' +
        'followed. A file that can not be read or is too large is named and skipped, and the exit code is then 3.',
    )
    .argument('<DIR>')
    .addOption(oneShotOption('--prefix <text>', 'put this before every key'))
  addConnectOptions(command, TIMEOUT_MS).action(runs(load))
}

async function load(folder: string, options: FilesOptions): Promise<number> {
  const found = walk(folder)
  const tally = new Tally('storing', found)
  try {
    await withCache(options, (cache) =>
      forEachBounded(
        found.files,
        ({ bytes }) => bytes,
        UNDER_WAY,
        (file) => storeFile(cache, file, options, tally),
      ),
    )
  } catch (error) {
    throw stopped(error, tally)
  } finally {
    tally.end()
  }
  const { files, bytes, seconds, skipped } = tally
  if (options.json) printJson({ dir: folder, files, bytes, seconds, skipped, notFiles: found.notFiles })
  else {
    for (const line of skippedLines(skipped)) note(line)
    print(`stored ${plural(files, 'file')}, ${formatBytes(bytes)} in ${throughput(bytes, seconds)}`)
  }
  if (skipped.length === 0) return Exit.DONE
  throw new CliError(Exit.FAILED, 'SKIPPED', `${plural(skipped.length, 'file')} of ${folder} not stored`)
}

async function storeFile(cache: Client, file: FoundFile, options: FilesOptions, tally: Tally): Promise<void> {
  if (tally.isTooLarge(file)) return
  let value: Buffer
  try {
    value = await readFile(file.path)
  } catch (error) {
    return tally.skip(file.name, fileProblem(error))
  }
  try {
    await cache.set((options.prefix ?? '') + file.name, value)
  } catch (error) {
    const { code, message } = describeError(error)
    // Only this file is at fault; after any other error the next ones would fail as well.
    if (code === 'INVALID_KEY' || code === 'VALUE_TOO_LARGE') return tally.skip(file.name, message)
    throw error
  }
  tally.done(value.length)
}

/** Says how far it came, since what was stored stays stored. */
export function stopped(error: unknown, tally: Tally): unknown {
  const { code, message, exit } = describeError(error)
  if (code === 'BUG' || tally.files === 0) return error
  return new CliError(exit, code, `stopped after ${plural(tally.files, 'file')}: ${message}`, {
    cause: error,
  })
}
