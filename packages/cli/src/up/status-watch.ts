import { AdminClient, type AdminOptions } from '../admin.js'
import type { Status } from '../status.js'

const INTERVAL_MS = 500

/** Asks the masters again and again for the status, as long as the cluster runs. */
export class StatusWatch {
  #admin: AdminClient | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(
    private readonly options: AdminOptions,
    private readonly seen: (status: Status) => void,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => void this.#ask(), INTERVAL_MS)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#admin?.close()
  }

  async #ask(): Promise<void> {
    try {
      this.#admin ??= await AdminClient.connect(this.options)
      const status = await this.#admin.status()
      if (!this.#stopped) this.seen(status)
    } catch {
      // No master answers just now; whoever asks for the status learns that himself.
      this.#admin?.close()
      this.#admin = undefined
    }
    if (!this.#stopped) this.start()
    else this.#admin?.close()
  }
}
