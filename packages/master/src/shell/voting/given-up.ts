import { IcfError, type Electorate, type Runtime, type Timer } from '@icf/common'

/** For so long an operator waits for a change of the voters to be in effect, in ms. */
const PATIENCE_MS = 5000

interface Waiting {
  readonly timer: Timer
  done(): void
  failed(error: IcfError): void
}

/** Masters that an operator has given up, for as long as they have a vote. */
export class GivenUp {
  readonly #waiting = new Map<string, Waiting[]>()

  constructor(private readonly runtime: Runtime) {}

  /** Resolves when that master has no vote any more. @throws IcfError TIMEOUT: it may lose it yet; TERM_LOST */
  untilDone(id: string): Promise<void> {
    return new Promise((done, failed) => {
      const timer = this.runtime.setTimeout(() => {
        this.#waiting.set(
          id,
          this.#waiting.get(id)!.filter((other) => other !== waiting),
        )
        failed(late())
      }, PATIENCE_MS)
      const waiting: Waiting = { timer, done, failed }
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), waiting])
    })
  }

  /** These decide from now on. */
  agreed({ masters, former }: Electorate): void {
    for (const id of this.#waiting.keys())
      if (!masters.includes(id) && former?.masters.includes(id) !== true) this.#end(id, ({ done }) => done())
  }

  /** This master is not the active one any more. */
  end(): void {
    const why = 'another master became active before the voters had agreed: "icf status" tells who has a vote'
    for (const id of this.#waiting.keys())
      this.#end(id, ({ failed }) => failed(new IcfError('TERM_LOST', why)))
  }

  #end(id: string, tell: (waiting: Waiting) => void): void {
    for (const waiting of this.#waiting.get(id) ?? []) {
      this.runtime.clear(waiting.timer)
      tell(waiting)
    }
    this.#waiting.delete(id)
  }
}

function late(): IcfError {
  return new IcfError(
    'TIMEOUT',
    `the other voters have not agreed within ${PATIENCE_MS} ms: "icf status" tells who has a vote`,
  )
}
