import { Command, type Option } from 'commander'
import { addCache } from '../commands/cache.js'
import { addMaster } from '../commands/master.js'
import { givenArgs } from '../members/given-args.js'
import type { MemberKind } from '../members/member.js'
import { parseBytes } from '../units.js'

/** Of these each process has its own, or `icf up` takes them in its own way. */
const NOT_PASSED_ON = [
  ...['port', 'host', 'json', 'masters', 'peers'],
  ...['http-port', 'resp-port', 'data-dir', 'zone', 'weight', 'processes'],
]

/** Gives `icf up` every other option of `icf master` and `icf cache`. */
export function addPassedOnOptions(up: Command): void {
  const [master, cache] = [passedOnOptions('master'), passedOnOptions('cache')]
  const isIn = (list: readonly Option[], option: Option): boolean =>
    list.some(({ long }) => long === option.long)
  const groups: [string, readonly Option[]][] = [
    ['Passed on to every process:', master.filter((option) => isIn(cache, option))],
    ['Passed on to the cache servers:', cache.filter((option) => !isIn(master, option))],
    ['Passed on to the masters:', master.filter((option) => !isIn(cache, option))],
  ]
  for (const [heading, options] of groups)
    for (const option of options) up.addOption(asGiven(option).helpGroup(heading))
}

/** Arguments for `icf master` or `icf cache`: what was given to `icf up`, word by word. Each knows its own defaults. */
export function passedOnArgs(up: Command, kind: MemberKind): string[] {
  return givenArgs(up, passedOnOptions(kind))
}

/** `--max-memory` of each cache server, in bytes, also where it is the default. */
export function passedOnMemory(up: Command): number {
  const value: unknown = up.getOptionValue('maxMemory')
  // Its text was checked when it was read.
  return typeof value === 'number' ? value : parseBytes(String(value))!
}

function passedOnOptions(kind: MemberKind): Option[] {
  const scratch = new Command()
  const add = kind === 'master' ? addMaster : addCache
  add(scratch)
  return scratch.commands[0]!.options.filter((option) => !NOT_PASSED_ON.includes(option.name()))
}

/** The option checks its argument as ever, but keeps the text. */
function asGiven(option: Option): Option {
  const check = option.parseArg
  if (!check) return option
  return option.argParser((text: string) => {
    check(text, undefined)
    return text
  })
}
