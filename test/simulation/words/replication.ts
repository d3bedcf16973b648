import { ReplicaOp, type Message } from '@icf/common'
import { stamp, type Names } from './names.js'
import { slotsWords, valueWords } from './values.js'

/** Where the first operation stands. */
const OPERATIONS_AT = 4

const operationNames = new Map<number, string>(
  Object.entries(ReplicaOp).map(([name, operation]) => [operation, name]),
)

/** How many fields follow each operation, by its number. */
const fieldCounts: readonly number[] = [7, 4, 3, 6, 1, 2, 2, 1, 2, 3, 3]

/** Of KEY_VALUE_RESPONCE_BACK. What only says whose write numbers follow is left out. */
export function batchWords(message: Message, names: Names): string {
  const [, epoch, version, number] = message as readonly number[]
  const operations: string[] = []
  for (let at = OPERATIONS_AT; at < message.length; at += 1 + fieldCounts[message[at] as number]!)
    if (message[at] !== ReplicaOp.ORIGIN) operations.push(operationWords(message, at))
  const what = operations.join('; ') || 'no write'
  return `batch ${number}: ${what}; by ${stamp(names, epoch!, version!)}`
}

function operationWords(message: Message, at: number): string {
  const [operation, slot, seq, key, value] = message.slice(at)
  const what = `${operationNames.get(operation as number)} slot ${String(slot)}`
  if (operation === ReplicaOp.PUT || operation === ReplicaOp.FILL)
    return `${what} seq ${String(seq)} ${String(key)}=${valueWords(value)}`
  if (operation === ReplicaOp.REMOVE) return `${what} seq ${String(seq)} ${String(key)}`
  return operation === ReplicaOp.FILL_BEGIN || operation === ReplicaOp.MEND
    ? `${what} seq ${String(seq)}`
    : what
}

/** Of BACK_ACK. */
export function backAckWords([, number, , , refused]: Message): string {
  const slots = refused as readonly number[]
  return `batch ${String(number)}${slots.length > 0 ? `, refused: ${slotsWords(slots)}` : ''}`
}
