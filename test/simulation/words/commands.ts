import { CommandCode, errorFromWire, isWrite, keyOf, keySlot, type Message } from '@icf/common'
import { commandsOf, resultsOf } from '@icf/testkit/frames'
import { stamp, type Names } from './names.js'
import { valueWords } from './values.js'

const commandNames = new Map<number, string>(Object.entries(CommandCode).map(([name, code]) => [code, name]))

/** Of COMMANDS. */
export function commandsWords(message: Message, names: Names, slotCount: number): string {
  let number = message[4] as number
  const commands = commandsOf(message).map(({ code, args, repeats }) => {
    const [key, value] = args as [string, unknown]
    const what = `${commandNames.get(code)} ${key}${code === CommandCode.SET ? `=${valueWords(value)}` : ''}`
    const where = ` (slot ${keySlot(keyOf(key), slotCount)})`
    if (!isWrite(code)) return what + where
    return `${what}${where}, write ${repeats ?? number++}${repeats === undefined ? '' : ' again'}`
  })
  return `${commands.join('; ')}; by ${stamp(names, message[1] as number, message[2] as number)}`
}

/** Of RESULTS. */
export function resultsWords(message: Message, names: Names): string {
  return resultsOf(message)
    .map(([, result]) => resultWords(result, names))
    .join('; ')
}

/** What begins an array that is an error: its number, text and a topology follow. Any other is a kind and a value. */
const ERROR = -1

function resultWords(result: unknown, names: Names): string {
  if (!Array.isArray(result)) return valueWords(result)
  const [kind, wire, , epoch, version] = result as [number, unknown, string, number, number]
  return kind === ERROR ? `${errorFromWire(wire)}, see ${stamp(names, epoch, version)}` : valueWords(wire)
}
