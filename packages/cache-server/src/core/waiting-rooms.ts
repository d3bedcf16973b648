import type { ClientSession } from './client-session.js'
import type { SuspendedFrame } from './frame-queue.js'

/** A command that can not be answered yet, in a frame of its own. */
export interface Deferred extends SuspendedFrame {
  readonly client: ClientSession
}

/** Commands kept at once, over all rooms. */
export const MAX_DEFERRED = 100_000

/** What a command counts for beside its bytes. */
const COMMAND_BYTES = 500

interface Room {
  readonly commands: Deferred[]
  bytes: number
}

/** Commands that wait: for a parked slot, for a newer topology, or for the lease. They go on in the order they came. */
export class WaitingRooms {
  readonly #rooms = new Map<string | number, Room>()
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
    if (present) {
      present.commands.push(deferred)
      present.bytes += bytes
    } else this.#rooms.set(room, { commands: [deferred], bytes })
    return true
  }

  /** Empties a room. Commands whose client has gone are dropped: it may have repeated them elsewhere. */
  take(room: string | number): Deferred[] {
    const present = this.#rooms.get(room)
    if (!present) return []
    const { commands, bytes } = present
    this.#rooms.delete(room)
    this.#count -= commands.length
    this.#bytes -= bytes
    return commands.filter(({ client }) => !client.closed)
  }
}

function bytesOf({ frame }: Deferred): number {
  return COMMAND_BYTES + frame.bytes.length + (frame.ahead?.length ?? 0)
}
