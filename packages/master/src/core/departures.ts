/** What a restart must know of the servers that are on their way out. */
export interface DeparturesState {
  /** Ids of those that leave by the wish of their own process. */
  readonly byThemselves: readonly string[]
  /** Somebody died since the first of them was told to leave. */
  readonly hasAnyoneDied: boolean
}

export const NO_DEPARTURES: DeparturesState = { byThemselves: [], hasAnyoneDied: false }

/**
 * Why servers leave. When nobody is left to take their slots, that decides whether the data may go with them: only when
 * each process was told to end, and none is the last because another died.
 */
export class Departures {
  readonly #byThemselves: Set<string>
  #hasAnyoneDied: boolean

  constructor({ byThemselves, hasAnyoneDied }: DeparturesState) {
    this.#byThemselves = new Set(byThemselves)
    this.#hasAnyoneDied = hasAnyoneDied
  }

  /** @param isFirst nobody else is leaving */
  began(ids: readonly string[], isByThemselves: boolean, isFirst: boolean): void {
    if (isFirst) {
      this.#byThemselves.clear()
      this.#hasAnyoneDied = false
    }
    if (isByThemselves) for (const id of ids) this.#byThemselves.add(id)
  }

  somebodyDied(): void {
    this.#hasAnyoneDied = true
  }

  /** Whether these, all that are leaving, may take the last copies with them. */
  areAllMeant(leaving: readonly string[]): boolean {
    return leaving.length > 0 && !this.#hasAnyoneDied && leaving.every((id) => this.#byThemselves.has(id))
  }

  get state(): DeparturesState {
    return { byThemselves: [...this.#byThemselves], hasAnyoneDied: this.#hasAnyoneDied }
  }
}
