import { errorFromWire, errorToWire, IcfError } from '../errors.js'
import { limits } from '../limits.js'
import { malformed } from './checks.js'
import { MessageType, PROTOCOL_VERSION, roles, type Message, type Role } from './messages.js'
import type { Introduction, RemoteIntroduction } from './introduction.js'

const MAX_DETAILS = 32

const NAME = `a text of at most ${limits.maxNameLength} characters`
const DETAILS = `an array of at most ${MAX_DETAILS} numbers and texts of at most ${limits.maxNameLength} characters`

/**
 * HELLO and WELCOME are [type, protocol version, role, cluster, id, details]. Their layout, and that of REFUSED,
 * never changes, so that processes of any two versions can tell each other apart.
 */
export function helloMessage(self: Introduction): Message {
  return [MessageType.HELLO, PROTOCOL_VERSION, self.role, self.cluster, self.id, self.details]
}

export function welcomeMessage(self: Introduction): Message {
  return [MessageType.WELCOME, PROTOCOL_VERSION, self.role, self.cluster, self.id, self.details]
}

/** @throws IcfError when the opener is no icf process, or one that this process can not talk to */
export function readHello(message: Message, cluster: string): RemoteIntroduction {
  if (message[0] !== MessageType.HELLO)
    throw new IcfError('PROTOCOL', 'the first message of a connection must be HELLO')
  return readIntroduction(message, cluster)
}

/** @throws IcfError the refusal of the acceptor, or PROTOCOL when it is no icf process */
export function readWelcome(message: Message, cluster: string): RemoteIntroduction {
  if (message[0] === MessageType.REFUSED) throw readRefusal(message)
  if (message[0] !== MessageType.WELCOME)
    throw new IcfError('PROTOCOL', 'HELLO was not answered with WELCOME')
  return readIntroduction(message, cluster)
}

export function refusalMessage(error: IcfError): Message {
  return [MessageType.REFUSED, errorToWire(error.code), error.message]
}

export function readRefusal(message: Message): IcfError {
  const [, code, text] = message
  return new IcfError(errorFromWire(code), typeof text === 'string' ? text.slice(0, 1000) : 'no reason given')
}

function readIntroduction(message: Message, ownCluster: string): RemoteIntroduction {
  const [, version, role, cluster, id, details] = message
  if (!isNear(version))
    throw new IcfError(
      'WRONG_PROTOCOL_VERSION',
      `this process speaks protocol version ${PROTOCOL_VERSION}, the other one ${typeof version === 'number' ? version : 'says none'}: versions next to each other can talk, so upgrade one at a time`,
    )
  const kind = message[0] === MessageType.HELLO ? 'HELLO' : 'WELCOME'
  if (!roles.includes(role as Role)) throw malformed(`role in ${kind}`, `one of ${roles.join(', ')}`, role)
  if (!isName(cluster)) throw malformed(`cluster in ${kind}`, NAME, cluster)
  if (!isName(id)) throw malformed(`id in ${kind}`, NAME, id)
  if (!isDetails(details)) throw malformed(`details in ${kind}`, DETAILS, details)
  if (cluster !== ownCluster)
    throw new IcfError(
      'WRONG_CLUSTER',
      `this process belongs to cluster "${ownCluster}", the other one to "${cluster}": check --cluster and the addresses`,
    )
  return { role: role as Role, cluster, id, details, protocolVersion: version }
}

/** While a cluster is upgraded, releases one version apart are in it. Who speaks the newer one adapts to the older. */
function isNear(version: unknown): version is number {
  return Number.isSafeInteger(version) && Math.abs((version as number) - PROTOCOL_VERSION) <= 1
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value.length <= limits.maxNameLength
}

/** They are kept for as long as the link is: nothing may hang on them. */
function isDetails(value: unknown): value is (string | number)[] {
  return Array.isArray(value) && value.length <= MAX_DETAILS && value.every(isDetail)
}

function isDetail(value: unknown): boolean {
  return isName(value) || typeof value === 'number'
}
