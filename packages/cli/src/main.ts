#!/usr/bin/env node
import { CommanderError } from 'commander'
import { describeError, Exit, systemCode, usageError } from './errors.js'
import { exit, printError, unwritable, wantsJson } from './output.js'
import { isCommand, runProgram } from './program.js'
import { supervisor } from './supervised.js'

/** Commands that go on when nobody reads what they print. */
const LONG_LIVED: readonly (string | undefined)[] = ['up', 'master', 'cache']

let hasFailed = false

async function main(): Promise<void> {
  process.stdout.on('error', (error) => {
    if (systemCode(error) !== 'EPIPE') return void fail(unwritable(error))
    // `icf events --follow | head -1`: the reader has enough.
    if (!LONG_LIVED.includes(process.argv[2])) process.exit(process.exitCode ?? Exit.DONE)
  })
  // Nowhere is left to say so.
  process.stderr.on('error', () => undefined)
  process.on('uncaughtException', (error) => void fail(error))
  try {
    await runProgram(process.argv.slice(2))
    exit(Number(process.exitCode ?? Exit.DONE))
  } catch (error) {
    await fail(error)
  }
}

/** Only the first failure is told; others may follow from it. */
async function fail(thrown: unknown): Promise<void> {
  if (hasFailed) return
  hasFailed = true
  const error = thrown instanceof CommanderError ? fromCommander(thrown) : thrown
  if (error === undefined) return exit(Exit.DONE)
  await supervisor.tell({ type: 'failed', error: describeError(error) })
  exit(printError(error, wantsJson()))
}

/** Undefined when help or the version was asked for and given. */
function fromCommander({ code, message, exitCode }: CommanderError): unknown {
  if (exitCode === 0) return undefined
  if (code === 'commander.help') return usageError('which command? See above')
  const text = message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')
  return usageError(`${text} (see icf ${helpTopic()}--help)`)
}

function helpTopic(): string {
  const name = process.argv[2]
  return isCommand(name) ? `${name} ` : ''
}

await main()
