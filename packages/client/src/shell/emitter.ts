type Listener<T> = (payload: T) => void

interface Registration {
  readonly listener: Listener<never>
  readonly isOnce: boolean
}

/**
 * Typed events. Unlike those of node:events, an 'error' that nobody listens for is dropped; and a listener that throws
 * breaks nothing here: what it threw becomes an uncaught exception in a turn of its own.
 */
export class Emitter<Events extends object> {
  readonly #registrations = new Map<keyof Events, readonly Registration[]>()

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, isOnce: false })
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    return this.#add(name, { listener, isOnce: true })
  }

  /** Removes a listener, however it was added; one that was added several times, once. */
  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    this.#removeAt(
      name,
      this.#of(name).findIndex((registration) => registration.listener === listener),
    )
    return this
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const registration of this.#of(name)) {
      if (registration.isOnce && !this.#removeAt(name, this.#of(name).indexOf(registration))) continue
      try {
        ;(registration.listener as Listener<Events[Name]>)(payload)
      } catch (error) {
        process.nextTick(() => {
          throw error
        })
      }
    }
  }

  #of(name: keyof Events): readonly Registration[] {
    return this.#registrations.get(name) ?? []
  }

  #add(name: keyof Events, registration: Registration): this {
    this.#registrations.set(name, [...this.#of(name), registration])
    return this
  }

  /** @returns whether there was one */
  #removeAt(name: keyof Events, at: number): boolean {
    if (at === -1) return false
    this.#registrations.set(name, this.#of(name).toSpliced(at, 1))
    return true
  }
}
