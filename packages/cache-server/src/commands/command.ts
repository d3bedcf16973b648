import type { FrameReader, WireCommand } from '@icf/common'
import type { ClientSession, Reply } from '../core/client-session.js'
import type { Store } from '../core/store.js'
import type { WriteLedger } from '../core/write-ledger.js'
import type { Writer } from '../core/writer.js'

/** What a command may use. One implementation serves every face. */
export interface CommandContext {
  readonly store: Store
  readonly writer: Writer
  readonly ledger: WriteLedger
  /** Largest value that this server takes, in bytes. */
  readonly maxValueBytes: number
  /** The handle of the command's key if it is there and not expired, else 0; an expired one is removed on the way. */
  find(slot: number, key: string): number
  /** By which the client will repeat this write, if it has to. */
  readonly writeNumber: number
  /** Monotonic time in ms, of this turn. */
  readonly now: number
}

/**
 * Runs for a key whose slot this server serves; the key is checked already. Other arguments, which are only there until this
 * returns, stand in the frame. Answers exactly once, now or later. Throws IcfError for bad arguments.
 */
export type Command = (
  context: CommandContext,
  client: ClientSession,
  id: number,
  slot: number,
  key: string,
  command: WireCommand,
  frame: FrameReader,
) => void

/** Answers with what was found, or with its absence, once that is safe from a failover. */
export function answerRead(
  context: CommandContext,
  client: ClientSession,
  id: number,
  slot: number,
  key: string,
  handle: number,
  result: Reply,
): void {
  const write = handle === 0 ? context.writer.removalOf(slot, key) : context.store.pendingAt(handle)
  if (write) context.ledger.readAfter(write, client, id, result)
  else client.reply(id, result)
}
