import type { Random } from '@icf/testkit/random'

/** Keys that are stored once and removed once: what comes back of one is seen by whoever reads it from then on. */
export class PassingKeys {
  readonly #there: string[] = []
  readonly #gone: string[] = []

  /** @param most that are there at once */
  constructor(
    private readonly random: Random,
    private readonly most: number,
  ) {}

  get names(): readonly string[] {
    return [...this.#there, ...this.#gone]
  }

  /** What is to be done next, and to which. */
  next(): readonly [name: string, kind: 'set' | 'delete' | 'get'] {
    if (this.#there.length < this.most) {
      this.#there.push(`l${this.names.length}`)
      return [this.#there.at(-1)!, 'set']
    }
    if (this.random.chance(0.5)) return [this.random.pick(this.names), 'get']
    const [name] = this.#there.splice(this.random.integer(0, this.#there.length), 1)
    this.#gone.push(name!)
    return [name!, 'delete']
  }
}
