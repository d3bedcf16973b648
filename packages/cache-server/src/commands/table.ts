import { CommandCode } from '@icf/common'
import type { Command } from './command.js'
import { del } from './delete.js'
import { get } from './get.js'
import { has } from './has.js'
import { set } from './set.js'
import { ttl } from './ttl.js'

/** Every command by its number. */
export const commands: readonly Command[] = table({
  [CommandCode.GET]: get,
  [CommandCode.SET]: set,
  [CommandCode.DELETE]: del,
  [CommandCode.HAS]: has,
  [CommandCode.TTL]: ttl,
})

function table(byCode: Record<CommandCode, Command>): Command[] {
  return Object.values(byCode)
}
