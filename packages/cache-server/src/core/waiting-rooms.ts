import type { Message } from '@icf/common'
import type { ClientSession } from './client-session.js'

/** A command that can not be answered yet, where it stands in its frame. */
export interface Deferred {
  readonly client: ClientSession
  readonly id: number
  readonly message: Message
  readonly at: number
}

/** Commands kept at once, over all rooms. */
export const MAX_DEFERRED = 100_000

/** Commands that wait: for a parked slot, for a newer topology, or for the lease. They go on in the order they came. */
export class WaitingRooms {
  readonly #rooms = new Map<string | number, Deferred[]>()
  #count = 0

  /** False when all rooms together are full. */
  add(room: string | number, deferred: Deferred): boolean {
    if (this.#count >= MAX_DEFERRED) return false
    this.#count++
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
    return deferred.filter((entry) => !entry.client.closed)
  }
}
