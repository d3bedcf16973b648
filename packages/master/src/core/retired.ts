/** An incarnation of a cache server that is over. */
export interface Retired {
  readonly id: string
  readonly how: 'dead' | 'released'
}

/** Ids are random and new at every start, so one that is long gone never comes back: the newest are enough. */
const MAX_RETIRED = 512

/** The incarnations that are fenced off. */
export class RetiredServers {
  readonly #byId: Map<string, Retired>

  constructor(stored: readonly Retired[]) {
    this.#byId = new Map(stored.map((retired) => [retired.id, retired]))
  }

  add(retired: Retired): void {
    this.#byId.set(retired.id, retired)
    if (this.#byId.size <= MAX_RETIRED) return
    for (const oldest of this.#byId.keys()) {
      this.#byId.delete(oldest)
      return
    }
  }

  how(id: string): Retired['how'] | undefined {
    return this.#byId.get(id)?.how
  }

  list(): Retired[] {
    return [...this.#byId.values()]
  }
}
