import { Random } from '../support/random.js'

interface Event {
  readonly at: number
  readonly order: number
  readonly run: () => void
}

/** Virtual time: what is due next happens next, and nothing happens between. All in milliseconds. */
export class World {
  now = 0
  steps = 0
  readonly random: Random
  readonly trace: ((line: string) => void) | undefined
  readonly #heap: Event[] = []
  #order = 0

  constructor(seed: number, trace?: (line: string) => void) {
    this.random = new Random(seed)
    this.trace = trace
  }

  after(delayMs: number, run: () => void): void {
    this.#push({ at: this.now + delayMs, order: this.#order++, run })
  }

  /** Does the next event; false when there is none. */
  step(): boolean {
    const event = this.#pop()
    if (!event) return false
    this.now = event.at
    this.steps++
    event.run()
    return true
  }

  log(text: string): void {
    this.trace?.(`${this.now.toFixed(3).padStart(12)}  ${text}`)
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  #pop(): Event | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (!first || !last || heap.length === 0) return first
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return first
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
