import { decodeState, type StoredState } from '../state-file.js'

/**
 * What voters keep for masters, or what a master kept that was alone.
 * @param what it is, for the error
 * @param slotCount as of MasterOptions. @throws IcfError STATE_UNAVAILABLE
 */
export function readBody(body: Uint8Array, what: string, slotCount?: number): StoredState {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  return decodeState(text, what, slotCount)
}
