import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { IcfError } from '@icf/common'
import { checkCluster, decodeState, encodeState, type StoredState } from '../state-file.js'

/** Etcd takes requests of 1.5 MiB by default; in JSON a value has four thirds of its size, twice over. */
const MAX_CHARACTERS = 800_000
const MAX_STATE_BYTES = 64 * 1024 * 1024
const WHERE = 'the state in etcd'

/** What the key of the state has: the state file, compressed, as text. @throws IcfError STATE_UNAVAILABLE: too large for etcd */
export function encodeRecord(cluster: string, state: StoredState): string {
  const text = deflateRawSync(encodeState(cluster, state)).toString('base64')
  if (text.length <= MAX_CHARACTERS) return text
  throw new IcfError(
    'STATE_UNAVAILABLE',
    `${WHERE} would have ${text.length} characters, and may have ${MAX_CHARACTERS}: no change takes effect`,
  )
}

/** @throws IcfError STATE_UNAVAILABLE, INVALID_ARGUMENT: it is damaged, of another release, or another cluster's */
export function decodeRecord(cluster: string, text: string): StoredState {
  const { cluster: stored, ...state } = decodeState(inflate(text), WHERE)
  checkCluster(WHERE, stored, cluster)
  return state
}

function inflate(text: string): string {
  try {
    return inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: MAX_STATE_BYTES }).toString('utf8')
  } catch (cause) {
    throw new IcfError('STATE_UNAVAILABLE', `${WHERE} is damaged: ${(cause as Error).message}`, { cause })
  }
}
