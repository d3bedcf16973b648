import { decodeState, type StoredState } from '../state-file.js'

/**
 * What voters keep for masters, or what a master kept that was alone.
 * @param what it is, for the error. @throws IcfError STATE_UNAVAILABLE
 */
export function readBody(body: Uint8Array, what: string): StoredState {
  return decodeState(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'), what)
}
