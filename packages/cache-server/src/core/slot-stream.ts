import { MOST_BYTES } from './copy-window.js'
import type { Entry } from './entry.js'
import type { ReplicaChannel } from './replica-channel.js'
import type { Store } from './store.js'

/** The entries of a slot on their way to a copy. A long one waits until its value has gone ahead: live writes pass it. */
export class SlotStream {
  entries = 0
  bytes = 0
  #keys: Iterator<string> | undefined
  /** Its value goes ahead. */
  #waiting: Entry | undefined

  constructor(
    private readonly store: Store,
    private readonly slot: number,
    private readonly channel: ReplicaChannel,
  ) {}

  /** Goes on until so many bytes are on their way. True when the last entry is. */
  advance(now: number, bound = MOST_BYTES): boolean {
    const { channel } = this
    while (channel.fillBytesInFlight < bound) {
      const entry = this.#next()
      if (!entry) return true
      if (!channel.isReadyFor(entry)) {
        this.#waiting = entry
        return false
      }
      this.#waiting = undefined
      channel.fill(entry, now, undefined)
      this.entries++
      this.bytes += entry.costBytes
    }
    return false
  }

  /** Nothing more is to come. */
  stop(): void {
    if (this.#waiting) this.channel.withdraw(this.#waiting.value as Uint8Array)
    this.#waiting = undefined
  }

  #next(): Entry | undefined {
    const { store, slot } = this
    const waiting = this.#waiting
    const present = waiting && store.peek(slot, waiting.key)
    if (waiting && present?.value === waiting.value) return present
    // What was written or removed under its key meanwhile, the copy knows.
    this.stop()
    this.#keys ??= store.keysOf(slot)[Symbol.iterator]()
    for (let next = this.#keys.next(); !next.done; next = this.#keys.next()) {
      const entry = store.peek(slot, next.value)
      if (entry) return entry
    }
    return undefined
  }
}
