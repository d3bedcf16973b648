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

type RoomName = string | number

/** By client, in the order in which the clients came. */
type Room = Map<ClientSession, Deferred[]>

/**
 * Commands that wait: for a parked slot, for a newer topology, or for the lease. Those of a client go on in the order they
 * came, and are dropped when it goes: it may have repeated them elsewhere.
 */
export class WaitingRooms {
  readonly #rooms = new Map<RoomName, Room>()
  /** Where commands of each client wait. */
  readonly #roomsOf = new Map<ClientSession, Set<RoomName>>()
  #count = 0
  #bytes = 0

  /** @param maxBytes of all commands kept at once; a longer one is still taken alone */
  constructor(private readonly maxBytes: number) {}

  /** False when all rooms together are full. */
  add(name: RoomName, deferred: Deferred): boolean {
    const bytes = bytesOf(deferred)
    if (this.#count >= MAX_DEFERRED || (this.#count > 0 && this.#bytes + bytes > this.maxBytes)) return false
    this.#count++
    this.#bytes += bytes
    const room = entryOf(this.#rooms, name, () => new Map<ClientSession, Deferred[]>())
    entryOf(room, deferred.client, () => []).push(deferred)
    entryOf(this.#roomsOf, deferred.client, () => new Set()).add(name)
    return true
  }

  /** Empties a room. */
  take(name: RoomName): Room {
    const room = this.#rooms.get(name)
    if (!room) return new Map()
    this.#rooms.delete(name)
    for (const [client, commands] of room) {
      this.#discount(commands)
      const names = this.#roomsOf.get(client)!
      names.delete(name)
      if (names.size === 0) this.#roomsOf.delete(client)
    }
    return room
  }

  /** Drops what the client has in any room. */
  leave(client: ClientSession): void {
    for (const name of this.#roomsOf.get(client) ?? []) {
      const room = this.#rooms.get(name)!
      this.#discount(room.get(client)!)
      room.delete(client)
      if (room.size === 0) this.#rooms.delete(name)
    }
    this.#roomsOf.delete(client)
  }

  #discount(commands: readonly Deferred[]): void {
    this.#count -= commands.length
    for (const command of commands) this.#bytes -= bytesOf(command)
  }
}

function entryOf<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = create()))
  return value
}

function bytesOf({ frame }: Deferred): number {
  return COMMAND_BYTES + frame.bytes.length + (frame.ahead?.length ?? 0)
}
