type Listener<T> = (payload: T) => void

/**
 * Typed events. Unlike those of node:events, an 'error' that nobody listens for is dropped; and a listener that throws
 * breaks nothing here: what it threw becomes an uncaught exception in a turn of its own.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Listener<never>[]>()

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener])
    return this
  }

  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const onceOnly = (payload: Events[Name]): void => {
      this.off(name, onceOnly)
      listener(payload)
    }
    return this.on(name, onceOnly)
  }

  off<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): this {
    const listeners = this.#listeners.get(name) ?? []
    const at = listeners.indexOf(listener)
    if (at !== -1) this.#listeners.set(name, listeners.toSpliced(at, 1))
    return this
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        ;(listener as Listener<Events[Name]>)(payload)
      } catch (error) {
        process.nextTick(() => {
          throw error
        })
      }
    }
  }
}
