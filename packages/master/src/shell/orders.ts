import type { IcfError } from '@icf/common'

type Result = readonly string[] | IcfError

/** What operators have ordered in one term, and is not in effect yet. */
export class Orders {
  readonly #waiting = new Map<number, (result: Result) => void>()
  #next = 1
  #end: IcfError | undefined

  /**
   * @param begin is given the number by which the order is answered
   * @throws IcfError what it is answered with, or what the term ends with
   */
  give(begin: (request: number) => void): Promise<void> {
    const request = this.#next++
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(this.#end)
      this.#waiting.set(request, (result) => (result instanceof Error ? reject(result) : resolve()))
      begin(request)
    })
  }

  answer(request: number, result: Result): void {
    this.#waiting.get(request)?.(result)
    this.#waiting.delete(request)
  }

  /** The first end counts. */
  end(why: IcfError): void {
    this.#end ??= why
    for (const answer of this.#waiting.values()) answer(why)
    this.#waiting.clear()
  }
}
