import { decodeMasters, encodeMasters } from '../topology/masters.js'
import type { MasterInfo } from '../topology/topology.js'
import { MessageType, type Message } from './messages.js'

/** Of a standby to whoever connects: it has no topology to tell, but one of these has. */
export function mastersMessage(masters: readonly MasterInfo[]): Message {
  return [MessageType.MASTERS, encodeMasters(masters)]
}

/** @throws IcfError PROTOCOL */
export function readMasters([, masters]: Message): MasterInfo[] {
  return decodeMasters(masters)
}
