import type { Message } from '@icf/common'
import type { ClientSession } from './client-session.js'

/** A command that can not be answered yet, where it stands in its message. */
export interface Deferred {
  readonly client: ClientSession
  readonly id: number
  readonly message: Message
  readonly at: number
  /** Of a write; 0: it has none. */
  readonly number: number
  readonly isRepeat: boolean
}

/** Commands kept at once, over all rooms. */
export const MAX_DEFERRED = 100_000

/** What a command counts for beside its key and value. */
const COMMAND_BYTES = 200

/** Commands that wait: for a parked slot, for a newer topology, or for the lease. They go on in the order they came. */
export class WaitingRooms {
  readonly #rooms = new Map<string | number, Deferred[]>()
  #count = 0
  #bytes = 0

  /** @param maxBytes of all commands kept at once; a longer one is still taken alone */
  constructor(private readonly maxBytes: number) {}

  /** False when all rooms together are full. */
  add(room: string | number, deferred: Deferred): boolean {
    const bytes = bytesOf(deferred)
    if (this.#count >= MAX_DEFERRED || (this.#count > 0 && this.#bytes + bytes > this.maxBytes)) return false
    this.#count++
    this.#bytes += bytes
    const present = this.#rooms.get(room)
    if (present) present.push(deferred)
    else this.#rooms.set(room, [deferred])
    return true
  }

  /** Empties a room. Commands whose client has gone are dropped: it may have repeated them elsewhere. */
  take(room: string | number): Deferred[] {
    const deferred = this.#rooms.get(room)
    if (!deferred) return []
    this.#rooms.delete(room)
    this.#count -= deferred.length
    for (const entry of deferred) this.#bytes -= bytesOf(entry)
    return deferred.filter((entry) => !entry.client.closed)
  }
}

function bytesOf({ message }: Deferred): number {
  let bytes = COMMAND_BYTES
  for (const field of message)
    if (typeof field === 'string' || field instanceof Uint8Array) bytes += field.length
  return bytes
}
