import type { Address } from '../runtime.js'
import type { MasterPlace } from '../wire/introduction.js'
import { formatAddress } from './address.js'

/**
 * To which masters a process keeps a link: to those that were named, to those that the topology lists, and to those of which one
 * that is connected tells; to each process one, though it may be known by several addresses. Addresses are told by their
 * `host:port`.
 */
export class MasterSet {
  readonly #named: Map<string, Address>
  #listed: readonly MasterPlace[] = []
  /** By the address of the one who told it. */
  readonly #told = new Map<string, readonly MasterPlace[]>()
  /** Id of whoever answered there last. */
  readonly #seen = new Map<string, string>()
  /** Where a link is open. */
  readonly #open = new Set<string>()

  constructor(named: readonly Address[]) {
    this.#named = new Map(named.map((address) => [formatAddress(address), address]))
  }

  follow(listed: readonly MasterPlace[]): void {
    this.#listed = listed
  }

  /** At an address that was named there is something else. */
  isNone(where: string): void {
    this.#named.delete(where)
  }

  /** A link is open to a master with that id, which knows these. An older link to the same process is not wanted any more. */
  opened(where: string, id: string, masters: readonly MasterPlace[]): void {
    for (const other of this.#open) if (this.#seen.get(other) === id) this.lost(other)
    this.#seen.set(where, id)
    this.#told.set(where, masters)
    this.#open.add(where)
  }

  /** It broke, or was ended. */
  lost(where: string): void {
    this.#open.delete(where)
    this.#told.delete(where)
  }

  /** Id of the master that was there last, or should be; undefined: nobody knows. */
  idAt(where: string): string | undefined {
    return this.#seen.get(where) ?? this.#others().find((master) => formatAddress(master) === where)?.id
  }

  /** A link is to be open, or tried for, to each of these and to nobody else. */
  get wanted(): ReadonlyMap<string, Address> {
    const wanted = new Map<string, Address>()
    for (const [where, address] of this.#named)
      if (!this.#isReachedElsewhere(where)) wanted.set(where, address)
    // Whoever is found at an address that was named need not be looked for by his own, which may lead nowhere from here.
    const found = new Set(
      [...this.#open].filter((where) => this.#named.has(where)).map((where) => this.#seen.get(where)),
    )
    for (const { id, host, port } of this.#others())
      if (!found.has(id)) wanted.set(formatAddress({ host, port }), { host, port })
    return wanted
  }

  #others(): MasterPlace[] {
    return [this.#listed, ...this.#told.values()].flat()
  }

  #isReachedElsewhere(where: string): boolean {
    const id = this.#seen.get(where)
    if (id === undefined || this.#open.has(where)) return false
    return [...this.#open].some((other) => this.#seen.get(other) === id)
  }
}
