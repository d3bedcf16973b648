import { AdminSession } from '../admin-session.js'
import type { AdminOptions } from '../admin.js'
import type { Status } from '@icf/common'

const INTERVAL_MS = 500

/** Asks the masters again and again for the status, as long as the cluster runs. */
export class StatusWatch {
  readonly #session: AdminSession
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    options: AdminOptions,
    private readonly seen: (status: Status) => void,
  ) {
    this.#session = new AdminSession(options)
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#ask(), INTERVAL_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#session.close()
  }

  async #ask(): Promise<void> {
    try {
      const status = await this.#session.ask((admin) => admin.status())
      if (!this.#stopped) this.seen(status)
    } catch {
      // No master answers just now; whoever asks for the status learns that himself.
    }
    if (this.#stopped) this.#session.close()
    else this.start()
  }
}
