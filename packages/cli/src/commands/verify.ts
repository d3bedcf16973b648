import { readFile } from 'node:fs/promises'
import type { Client } from '@icf/client'
import type { Command } from 'commander'
import { CliError, describeError, Exit, fileProblem } from '../errors.js'
import { forEachBounded } from '../files/pool.js'
import { skippedLines, Tally, throughput, UNDER_WAY } from '../files/tally.js'
import { walk, type FoundFile } from '../files/walk.js'
import { addConnectOptions, oneShotOption } from '../options.js'
import { note, print, printJson } from '../output.js'
import { withAdmin, withCache } from '../session.js'
import { formatBytes, plural } from '../units.js'
import { bytesOf } from '../value.js'
import { stopped, type FilesOptions } from './load.js'
import { runs } from './runs.js'

const TIMEOUT_MS = 30_000

interface Findings {
  readonly missing: string[]
  readonly different: string[]
}

export function addVerify(program: Command): void {
  const command = program
    .command('verify')
    .summary('compare every file of a folder with what is stored')
    .description(
      'Compares every byte of every file below DIR with what "icf load DIR" stored, and lists the files that are ' +
        'missing or different. Exit code 1 when there is one.',
    )
    .argument('<DIR>')
    .addOption(oneShotOption('--prefix <text>', 'what "load" put before every key'))
  addConnectOptions(command, TIMEOUT_MS).action(runs(verify))
}

async function verify(folder: string, options: FilesOptions): Promise<number> {
  const found = walk(folder)
  const tally = new Tally('comparing', found)
  const findings: Findings = { missing: [], different: [] }
  const work = (cache: Client) => (file: FoundFile) =>
    compareFile(cache, file, options.prefix ?? '', tally, findings)
  try {
    await withCache(options, (cache) =>
      forEachBounded(found.files, ({ bytes }) => bytes, UNDER_WAY, work(cache)),
    )
  } catch (error) {
    throw stopped(error, tally)
  } finally {
    tally.end()
  }
  report(folder, options, tally, findings)
  if (findings.missing.length > 0 && !options.json) await explainMissing(options)
  if (findings.missing.length + findings.different.length > 0) return Exit.NO
  if (tally.skipped.length === 0) return Exit.DONE
  throw new CliError(
    Exit.FAILED,
    'SKIPPED',
    `${plural(tally.skipped.length, 'file')} of ${folder} not compared`,
  )
}

/** A cache that is full forgets what was not used for longest: that is no loss, and should not look like one. */
async function explainMissing(options: FilesOptions): Promise<void> {
  const { evictionsOf } = await import('../status-text.js')
  const evictions = evictionsOf(await withAdmin(options, (admin) => admin.status()))
  if (evictions === 0) return
  note(
    `icf: the cache servers evicted ${plural(evictions, 'key')}: their memory (--max-memory) can not hold all`,
  )
}

async function compareFile(
  cache: Client,
  file: FoundFile,
  prefix: string,
  tally: Tally,
  findings: Findings,
): Promise<void> {
  if (tally.isTooLarge(file)) return
  let local: Buffer
  try {
    local = await readFile(file.path)
  } catch (error) {
    return tally.skip(file.name, fileProblem(error))
  }
  let value: unknown
  try {
    value = await cache.get(prefix + file.name)
  } catch (error) {
    const { code, message } = describeError(error)
    // No value can be stored under such a key, and only this file is at fault.
    if (code === 'INVALID_KEY') return tally.skip(file.name, message)
    throw error
  }
  const stored = bytesOf(value)
  if (value === undefined) findings.missing.push(file.name)
  else if (stored === undefined || !local.equals(stored)) findings.different.push(file.name)
  tally.done(local.length)
}

function report(
  folder: string,
  { json }: FilesOptions,
  tally: Tally,
  { missing, different }: Findings,
): void {
  const { files, bytes, seconds, skipped } = tally
  const same = files - missing.length - different.length
  if (json)
    return printJson({
      dir: folder,
      files,
      same,
      bytes,
      seconds,
      missing: missing.sort(),
      different: different.sort(),
      skipped,
    })
  print(
    ...missing.sort().map((name) => `missing    ${name}`),
    ...different.sort().map((name) => `different  ${name}`),
  )
  for (const line of skippedLines(skipped)) note(line)
  const verdict =
    same === files
      ? `all ${plural(files, 'file')} are the same`
      : `${plural(missing.length, 'file')} missing, ${different.length} different, ${same} the same`
  print(`${verdict}; compared ${formatBytes(bytes)} in ${throughput(bytes, seconds)}`)
}
