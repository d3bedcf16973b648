import type { SlotTable } from './draft.js'

/** Bounds the transitions that one server sends and receives at a time. */
export class Throttle {
  readonly #max: number
  readonly #outgoing: Uint32Array
  readonly #incoming: Uint32Array

  constructor({ servers, primary, transitions }: SlotTable, max: number) {
    this.#max = max
    this.#outgoing = new Uint32Array(servers.length)
    this.#incoming = new Uint32Array(servers.length)
    transitions.forEach(({ to }, slot) => this.count(primary[slot]!, to))
  }

  allows(from: number, to: number): boolean {
    return this.#outgoing[from]! < this.#max && this.#incoming[to]! < this.#max
  }

  count(from: number, to: number): void {
    this.#outgoing[from]!++
    this.#incoming[to]!++
  }
}
