import { SLOT_COUNT } from '../slot.js'

/** What a copy under way is to become. */
export type Intent = 'backup' | 'primary'

/**
 * A copy of one slot that its primary is making. From the moment the primary knows of it, a write is acknowledged
 * only after this copy has it too; so a slot whose backup died has a second copy of new writes at once.
 */
export interface Transition {
  /** Seat of the receiver. When it is the slot's backup already (a swap), nothing is copied. */
  readonly to: number
  readonly intent: Intent
  /** Version of the topology that started it: names the transition, so that late reports of an older one are refused. */
  readonly since: number
}

export function sameTransition(a: Transition | undefined, b: Transition | undefined): boolean {
  return (
    a === b ||
    (a !== undefined && b !== undefined && a.to === b.to && a.intent === b.intent && a.since === b.since)
  )
}

/** Slots whose transitions are kept, and copied, together: 2 ** BLOCK_BITS. */
const BLOCK_BITS = 7
const BLOCK_SLOTS = 2 ** BLOCK_BITS
const BLOCKS = SLOT_COUNT / BLOCK_SLOTS

type Block = readonly (Transition | undefined)[]

const EMPTY: Block = new Array<undefined>(BLOCK_SLOTS).fill(undefined)

/** Those of a topology, in the order of slots. */
export interface ReadonlyTransitions extends Iterable<[slot: number, transition: Transition]> {
  readonly size: number
  readonly blocks: readonly Block[]
  has(slot: number): boolean
  get(slot: number): Transition | undefined
  /** @param known what is in blocks that these have too is passed over */
  forEach(visit: (transition: Transition, slot: number) => void, known?: ReadonlyTransitions): void
  copy(): Transitions
}

/**
 * In blocks, which a copy shares with what it was copied from until it changes them: while slots move there are thousands, and
 * each of many versions differs in a few from the one before it.
 */
export class Transitions implements ReadonlyTransitions {
  /** Of each block: 1: nobody else has it. */
  readonly #isOwn = new Uint8Array(BLOCKS)

  private constructor(
    public size: number,
    readonly blocks: Block[],
  ) {}

  static none(): Transitions {
    return new Transitions(0, new Array<Block>(BLOCKS).fill(EMPTY))
  }

  copy(): Transitions {
    this.#isOwn.fill(0)
    return new Transitions(this.size, this.blocks.slice())
  }

  has(slot: number): boolean {
    return this.get(slot) !== undefined
  }

  get(slot: number): Transition | undefined {
    return this.blocks[slot >> BLOCK_BITS]?.[slot % BLOCK_SLOTS]
  }

  set(slot: number, transition: Transition): void {
    if (!this.has(slot)) this.size++
    this.#put(slot, transition)
  }

  delete(slot: number): void {
    if (!this.has(slot)) return
    this.size--
    this.#put(slot, undefined)
  }

  #put(slot: number, transition: Transition | undefined): void {
    const at = slot >> BLOCK_BITS
    if (this.#isOwn[at] === 0) {
      this.#isOwn[at] = 1
      this.blocks[at] = this.blocks[at]!.slice()
    }
    const own = this.blocks[at] as (Transition | undefined)[]
    own[slot % BLOCK_SLOTS] = transition
  }

  forEach(visit: (transition: Transition, slot: number) => void, known?: ReadonlyTransitions): void {
    for (let at = 0; at < BLOCKS; at++) {
      const block = this.blocks[at]!
      if (block === EMPTY || block === known?.blocks[at]) continue
      const first = at * BLOCK_SLOTS
      for (let n = 0; n < BLOCK_SLOTS; n++) {
        const transition = block[n]
        if (transition !== undefined) visit(transition, first + n)
      }
    }
  }

  [Symbol.iterator](): Iterator<[slot: number, transition: Transition]> {
    const all: [slot: number, transition: Transition][] = []
    this.forEach((transition, slot) => all.push([slot, transition]))
    return all.values()
  }
}

/** @returns slots that have another transition, or none, in `next`; in ascending order */
export function changedTransitions(base: ReadonlyTransitions, next: ReadonlyTransitions): number[] {
  const changed: number[] = []
  for (let at = 0; at < BLOCKS; at++) {
    const [block, nextBlock] = [base.blocks[at]!, next.blocks[at]!]
    if (block === nextBlock) continue
    for (let n = 0; n < BLOCK_SLOTS; n++)
      if (!sameTransition(block[n], nextBlock[n])) changed.push(at * BLOCK_SLOTS + n)
  }
  return changed
}
