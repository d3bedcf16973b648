import {
  errorFromWire,
  isDataFrame,
  isTopologyUpdate,
  MessageType,
  readCopiesReport,
  readDataFrame,
  readProbe,
  readProbeResult,
  readSuspect,
  readUnreachable,
  readUpdateVersion,
  toVersion1,
  type Message,
  type Role,
} from '@icf/common'
import { decodeFrame } from '@icf/common/node'
import { commandsWords, resultsWords } from './commands.js'
import { stamp, type Names } from './names.js'
import { backAckWords, batchWords } from './replication.js'
import { slotsWords } from './values.js'
import { answerWords, questionWords } from './voting.js'

const messageNames = new Map<number, string>(Object.entries(MessageType).map(([name, type]) => [type, name]))

/** Stands for a value that was sent ahead: what it is was said then. */
const SENT_AHEAD = new Uint8Array()

/** A topology update that is a difference, by its first field. */
const DIFFERENCE = 1

/** Those of the data path as arrays, too. */
export function readFrame(frame: Buffer): Message {
  if (!isDataFrame(frame)) return decodeFrame(frame, () => SENT_AHEAD)
  return toVersion1(
    readDataFrame(frame, () => SENT_AHEAD),
    SENT_AHEAD,
  )
}

export function nameOf([type]: Message): string {
  return messageNames.get(type as number) ?? String(type)
}

/** The fields of a message that matter to a reader; '' when there are none. */
export function fieldsInWords(message: Message, names: Names, slotCount: number): string {
  if (isTopologyUpdate(message)) return updateWords(message, names)
  switch (message[0]) {
    case MessageType.HELLO:
    case MessageType.WELCOME:
      return introductionWords(message, names)
    case MessageType.REFUSED:
      return errorFromWire(message[1])
    case MessageType.KEEP_ALIVE:
      return keepAliveWords(message, names)
    case MessageType.COMMANDS:
      return commandsWords(message, names, slotCount)
    case MessageType.RESULTS:
      return resultsWords(message, names)
    case MessageType.KEY_VALUE_RESPONCE_BACK:
      return batchWords(message, names)
    case MessageType.BACK_ACK:
      return backAckWords(message)
    case MessageType.SLOTS_COPIED:
    case MessageType.SLOTS_HANDED_OFF: {
      const { to, completions } = readCopiesReport(message, slotCount)
      return `${slotsWords(completions.map(({ slot }) => slot))} to ${names.id(to)}`
    }
    case MessageType.SUSPECT:
      return names.id(readSuspect(message))
    case MessageType.UNREACHABLE:
      return (
        readUnreachable(message)
          .map((id) => names.id(id))
          .join(' ') || 'nobody'
      )
    case MessageType.PROBE:
      return `is ${names.id(readProbe(message).serverId)} gone?`
    case MessageType.PROBE_RESULT:
      return readProbeResult(message).outcome
    case MessageType.VOTE:
    case MessageType.SPARE_MASTER:
      return questionWords(message, names)
    case MessageType.VOTED:
      return answerWords(message, names)
    default:
      return ''
  }
}

/** Who it is; and of a cache server that comes to a master, what it follows. */
function introductionWords(message: Message, names: Names): string {
  const [, , role, , id, details] = message as [number, number, Role, string, string, readonly number[]]
  const name = names.id(id)
  const who = name === '' || name === role ? role : `${role} ${name}`
  const [epoch, version] = details.slice(6)
  return role === 'cache-server' && epoch !== undefined
    ? `${who}, follows ${stamp(names, epoch, version!)}`
    : who
}

function updateWords(message: Message, names: Names): string {
  const [, update, concerned] = message as [number, readonly number[], readonly string[]]
  const { epoch, version } = readUpdateVersion(message)
  const base = update[0] === DIFFERENCE ? `${stamp(names, update[3]!, update[4]!)} → ` : ''
  const about = concerned.length > 0 ? `, about ${concerned.map((id) => names.id(id)).join(' ')}` : ''
  return `${base}${stamp(names, epoch, version)}${about}`
}

/** That of a server, or its answer, which names what is in effect. */
function keepAliveWords(message: Message, names: Names): string {
  const [, beat, ...rest] = message as readonly number[]
  const [epoch, version] = rest.slice(-2) as [number, number]
  if (rest.length === 2) return `beat ${beat}: serve on; ${stamp(names, epoch, version)} is in effect`
  return `beat ${beat}; I follow ${stamp(names, rest[1]!, rest[2]!)}`
}
