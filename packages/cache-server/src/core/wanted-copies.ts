import type { Transition } from '@icf/common'
import type { ReplicaChannel } from './replica-channel.js'
import type { SlotTable } from './slot-table.js'
import type { WriteHistory, WrittenBy } from './write-history.js'

const NOTHING: ReadonlyMap<number, readonly WrittenBy[]> = new Map()

/** What a transition asks for. */
export type Wish = Pick<Transition, 'intent' | 'since'>

/** What is to be known of a copy when it begins. */
export interface WantedCopy extends Wish {
  readonly channel: ReplicaChannel
  /** Writes that the slot has seen before. */
  readonly seq: number
  /** Those of them that clients may still repeat. */
  readonly written: readonly WrittenBy[]
  /** It lacks what ours lacks, and the backup may have. */
  readonly isParted: boolean
}

/**
 * Copies that are asked for and not begun, in columns: one topology may ask for thousands, and must be applied in next to no
 * time. Since then nothing was written to these slots: a write begins the copy.
 */
export class WantedCopies {
  readonly #wishes: (Wish | undefined)[]
  readonly #channels: (ReplicaChannel | undefined)[]
  readonly #seq: Float64Array
  #count = 0
  /** By slot. */
  #written = NOTHING

  constructor(
    private readonly slots: SlotTable,
    private readonly history: WriteHistory,
  ) {
    this.#wishes = new Array<undefined>(slots.count).fill(undefined)
    this.#channels = new Array<undefined>(slots.count).fill(undefined)
    this.#seq = new Float64Array(slots.count)
  }

  /** @param slot of which no copy is wanted */
  add(slot: number, wish: Wish, channel: ReplicaChannel): void {
    this.#wishes[slot] = wish
    this.#channels[slot] = channel
    this.#seq[slot] = this.slots.seq[slot]!
    this.#count++
    this.#written = this.history.bySlot
  }

  /** To whom the slot is to be copied, if it is. */
  channelOf(slot: number): ReplicaChannel | undefined {
    return this.#count === 0 ? undefined : this.#channels[slot]
  }

  /** The version that asks for the copy of the slot, if any does. */
  sinceOf(slot: number): number | undefined {
    return this.#wishes[slot]?.since
  }

  /** It begins, or is not wanted any more. */
  take(slot: number): WantedCopy | undefined {
    const wish = this.#wishes[slot]
    const channel = this.#channels[slot]
    if (!wish || !channel) return undefined
    const { intent, since } = wish
    const [seq, written] = [this.#seq[slot]!, this.#written.get(slot) ?? []]
    const isParted = this.slots.parted[slot] === 1
    this.#wishes[slot] = undefined
    this.#channels[slot] = undefined
    if (--this.#count === 0) this.#written = NOTHING
    return { intent, since, channel, seq, written, isParted }
  }
}
