import type { Client } from '@icf/client'
import type { CacheUnderTest } from './workload/workload.js'

/** The SDK, with a count of what its calls came to. */
export class WatchedCache implements CacheUnderTest {
  /** Deadline of each call from now on; undefined: that of the client. */
  callTimeoutMs: number | undefined
  readonly #client: Client
  #errors = new Map<string, number>()
  #calls = 0
  #longestMs = 0

  constructor(client: Client) {
    this.#client = client
  }

  /** How often each error code came. */
  get errors(): Map<string, number> {
    return new Map(this.#errors)
  }

  get calls(): number {
    return this.#calls
  }

  get longestMs(): number {
    return this.#longestMs
  }

  /** Counts anew. */
  forget(): void {
    this.#errors.clear()
    this.#calls = 0
    this.#longestMs = 0
  }

  get(key: string): Promise<unknown> {
    return this.#watch(this.#client.get(key, this.#options))
  }

  set(key: string, value: never): Promise<unknown> {
    return this.#watch(this.#client.set(key, value, this.#options))
  }

  delete(key: string): Promise<unknown> {
    return this.#watch(this.#client.delete(key, this.#options))
  }

  close(): Promise<void> {
    return this.#client.close()
  }

  get #options(): { timeoutMs?: number } {
    return this.callTimeoutMs === undefined ? {} : { timeoutMs: this.callTimeoutMs }
  }

  async #watch(call: Promise<unknown>): Promise<unknown> {
    const beganMs = performance.now()
    try {
      return await call
    } catch (error) {
      const code = String((error as { code?: string }).code)
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
      throw error
    } finally {
      this.#calls++
      this.#longestMs = Math.max(this.#longestMs, performance.now() - beganMs)
    }
  }
}
