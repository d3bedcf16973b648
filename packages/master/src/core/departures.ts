import type { Topology } from '@icf/common'

/** What a restart must know of the servers that are on their way out. */
export interface DeparturesState {
  /** Ids of those that leave, or wait to leave, by the wish of their own process. */
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

  /** @param servers all, before these are marked as leaving */
  began(ids: readonly string[], isByThemselves: boolean, servers: Topology['servers']): void {
    if (!this.areUnderWay(servers)) {
      this.#byThemselves.clear()
      this.#hasAnyoneDied = false
    }
    if (isByThemselves) for (const id of ids) this.#byThemselves.add(id)
  }

  /** Whether one of these leaves, or was told to and waits for somebody who can take its slots. */
  areUnderWay(servers: Topology['servers']): boolean {
    return servers.some(
      (server) => server && (server.state === 'leaving' || this.#byThemselves.has(server.id)),
    )
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
