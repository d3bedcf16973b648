import { CommandCode, errorFromWire, IcfError, isWrite, quoteKey, type ErrorResult } from '@icf/common'
import { CallState, type PendingCall } from './call.js'
import type { Peer } from './peer.js'

const names = Object.keys(CommandCode)

/** The errors that end a call: they say what was under way, where, and whether a write may have happened. */

export function timedOut(call: PendingCall): IcfError {
  const last = call.refusal ? `; the last answer was ${refusalText(call.refusal)}` : ''
  const cause = call.refusal ? { cause: refused(call) } : undefined
  return new IcfError(
    isInDoubt(call) ? 'OUTCOME_UNKNOWN' : 'TIMEOUT',
    `${name(call)} had no answer within ${call.timeoutMs} ms: ${whereabouts(call)}${last}${doubt(call)}`,
    cause,
  )
}

export function aborted(call: PendingCall, reason: unknown): IcfError {
  return new IcfError('ABORTED', `${name(call)} was aborted by its signal${doubt(call)}`, { cause: reason })
}

export function closed(call: PendingCall): IcfError {
  return new IcfError('CLOSED', `the client was closed while ${name(call)} was under way${doubt(call)}`)
}

/** The server's own answer, as an error. */
export function refused(call: PendingCall): IcfError {
  const { wire, text } = call.refusal!
  return new IcfError(errorFromWire(wire), `${name(call)}: ${text}${where(call)}`)
}

/** The server's answer makes no sense. */
export function misanswered(call: PendingCall, cause: IcfError): IcfError {
  return new IcfError(cause.code, `${name(call)}: ${cause.message}${where(call)}${doubt(call)}`, { cause })
}

function where({ peer }: PendingCall): string {
  return peer ? ` (${describe(peer)})` : ''
}

function name(call: PendingCall): string {
  return `${names[call.code]} ${quoteKey(call.key)}`
}

function whereabouts(call: PendingCall): string {
  const { peer } = call
  if (call.state === CallState.PARKED)
    return `it waited for a topology in which a server answers for slot ${call.slot}`
  if (peer === undefined) return 'it was not sent'
  if (call.state !== CallState.QUEUED) return `it was sent to ${describe(peer)}`
  if (peer.link) return `it waited to be sent to ${describe(peer)}`
  return `there was no connection to ${describe(peer)}${peer.problem ? ` (${peer.problem})` : ''}`
}

function describe({ server }: Peer): string {
  return `${server.host}:${server.port} (server ${server.id.slice(0, 8)})`
}

function refusalText({ wire, text }: ErrorResult): string {
  return `${errorFromWire(wire)}: ${text.slice(0, 200)}`
}

function doubt(call: PendingCall): string {
  if (!isWrite(call.code)) return ''
  return isInDoubt(call) ? '; the write may have happened' : '; the write did not happen'
}

function isInDoubt(call: PendingCall): boolean {
  if (!isWrite(call.code)) return false
  return call.maybeDone || call.state === CallState.SENT || call.state === CallState.STAGING
}
