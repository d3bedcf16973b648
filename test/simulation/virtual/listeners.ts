type Listener<Args extends unknown[]> = (...args: Args) => void

/** What listens to each event of one emitter, as with those of Node; who comes or goes while one is emitted changes the next. */
export class Listeners<Events extends Record<string, unknown[]>> {
  readonly #of: { [Name in keyof Events]?: readonly Listener<Events[Name]>[] } = {}

  add<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    this.#of[name] = [...(this.#of[name] ?? []), listener]
  }

  addOnce<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): void {
    const once = (...args: Events[Name]): void => {
      this.#of[name] = this.#of[name]?.filter((each) => each !== once)
      listener(...args)
    }
    this.add(name, once)
  }

  /** False when nobody listens. */
  emit<Name extends keyof Events>(name: Name, ...args: Events[Name]): boolean {
    const listeners = this.#of[name]
    if (!listeners || listeners.length === 0) return false
    for (const listener of listeners) listener(...args)
    return true
  }
}
