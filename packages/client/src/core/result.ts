import {
  CommandCode,
  IcfError,
  kindOfResult,
  readValueResult,
  ResultTag,
  ValueKind,
  type FrameReader,
} from '@icf/common'
import { decodeValue } from './value.js'

/** The most frequent of all results is read straight from the frame, without objects for its bytes. */
const TEXT = ResultTag.VALUE + ValueKind.TEXT

/**
 * What a server answered to a command: what its caller gets, or why there is nothing to get.
 * @param frame stands behind the first byte of the result
 * @param tag this byte
 * @throws IcfError PROTOCOL when it is no answer to that command: then nobody knows what the server did, and the frame stands
 * anywhere
 */
export function readResult(code: CommandCode, frame: FrameReader, tag: number): unknown {
  switch (code) {
    case CommandCode.GET: {
      if (tag === ResultTag.NIL) return undefined
      if (tag === TEXT) return frame.text(frame.count())
      const kind = kindOfResult(tag)
      if (kind === undefined) break
      return decodeValue(kind, readValueResult(frame, tag))
    }
    case CommandCode.SET:
      if (tag === ResultTag.TRUE) return undefined
      break
    case CommandCode.TTL:
      if (tag === ResultTag.NIL) return undefined
      if (tag === ResultTag.FOREVER) return null
      if (tag === ResultTag.NUMBER) return frame.count()
      break
    default:
      if (tag === ResultTag.TRUE) return true
      if (tag === ResultTag.FALSE) return false
  }
  throw new IcfError('PROTOCOL', 'the server answered with something that is no answer to this command')
}
