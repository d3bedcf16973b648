import { setTimeout } from 'node:timers/promises'
import type { Command } from 'commander'
import type { AdminClient } from '../admin.js'
import { Exit, isPassing } from '../errors.js'
import type { LoggedEvent } from '@icf/common'
import { eventLine } from '../event-text.js'
import { addConnectOptions, integer, oneShotOption, type ConnectOptions } from '../options.js'
import { note, print, printJson } from '../output.js'
import { withAdmin } from '../session.js'
import { styleFor } from '../style.js'
import { runs } from './runs.js'

interface EventsOptions extends ConnectOptions {
  readonly follow?: boolean
  readonly since: number
}

const RECONNECT_MS = 500

export function addEvents(program: Command): void {
  const command = program
    .command('events')
    .summary('show what happened: joins, leaves, deaths, moves')
    .description(
      'Prints the event log of the master, oldest first. With --follow it goes on with what happens, until Ctrl-C.',
    )
    .addOption(oneShotOption('--follow', 'go on with what happens'))
    .addOption(
      oneShotOption('--since <number>', 'only entries after this number')
        .argParser(integer(0, Number.MAX_SAFE_INTEGER))
        .default(0),
    )
  addConnectOptions(command).action(runs(events))
}

async function events(options: EventsOptions): Promise<number> {
  const printer = new EventPrinter(options.json === true, options.since)
  if (!options.follow) {
    printer.printAll(await withAdmin(options, (admin) => admin.events(options.since, false)))
    return Exit.DONE
  }
  // The first connection must work; later ones outlast a restart of the master.
  for (let isFirst = true; ; isFirst = false) {
    try {
      await withAdmin(options, (admin) => followUntilLost(admin, printer))
    } catch (error) {
      if (isFirst || !isPassing(error)) throw error
      printer.say(`icf: ${error.message}; trying again`)
    }
    await setTimeout(RECONNECT_MS)
  }
}

async function followUntilLost(admin: AdminClient, printer: EventPrinter): Promise<void> {
  const lost = new Promise<void>((resolve) => (admin.onClose = resolve))
  // An entry may come before the answer with the older ones.
  const early: LoggedEvent[] = []
  admin.onEvent = (entry) => early.push(entry)
  printer.printAll(await admin.events(printer.last, true))
  printer.printAll(early)
  admin.onEvent = (entry) => printer.printAll([entry])
  await lost
  printer.say('icf: the connection to the master broke; trying again')
}

class EventPrinter {
  readonly #style = styleFor(process.stdout)
  #lastSaid = ''
  /** Number of the last entry that was printed. */
  last: number

  constructor(
    private readonly json: boolean,
    since: number,
  ) {
    this.last = since
  }

  printAll(entries: readonly LoggedEvent[]): void {
    for (const entry of entries) {
      if (entry.n <= this.last) continue
      this.last = entry.n
      this.#lastSaid = ''
      if (this.json) printJson(entry)
      else print(eventLine(entry, this.#style))
    }
  }

  /** Says the same only once in a row. */
  say(line: string): void {
    if (line !== this.#lastSaid) note(line)
    this.#lastSaid = line
  }
}
