import type { Sight } from './view.js'

/** What was read longer ago says nothing of who is active now, in ms. */
const FRESH_MS = 1500

/** A standby's word to the active master: not to become active for some time, so that that one can do without etcd. */
export class Obedience {
  #until: number
  #epoch = 0

  /** @param now one that starts may have given its word before, at the same address */
  constructor(
    private readonly boundMs: number,
    now: number,
  ) {
    this.#until = now + boundMs
  }

  /** Until then it may not become active. */
  get until(): number {
    return this.#until
  }

  /**
   * @param sight what etcd says; as long as it says anything, only the active master by that is obeyed
   * @returns whether it gives its word
   */
  hear(now: number, master: string, epoch: number, sight: Sight): boolean {
    const { leader } = sight
    const isFresh = now - sight.at < FRESH_MS
    if (epoch < Math.max(this.#epoch, leader?.epoch ?? 0)) return false
    if (isFresh && leader?.master.id !== master) return false
    this.#epoch = epoch
    this.#until = Math.max(this.#until, now + this.boundMs)
    return true
  }

  /** It was active itself: whoever had an earlier term is not obeyed any more, also when etcd has forgotten this one. */
  led(epoch: number): void {
    this.#epoch = Math.max(this.#epoch, epoch)
  }

  /** That term is over for sure, and all before: its process is gone, or its master has ended it. */
  release(epoch: number): void {
    if (epoch >= this.#epoch) this.#until = -Infinity
  }
}
