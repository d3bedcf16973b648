import { AdminClient, type AdminOptions } from './admin.js'
import { isPassing } from './errors.js'

/** Asks the master over one connection, and over a new one when that broke: for questions that are asked again and again. */
export class AdminSession {
  #admin: AdminClient | undefined

  constructor(private readonly options: AdminOptions) {}

  /** @param timeoutMs for this question, instead of the session's */
  async ask<T>(question: (admin: AdminClient) => Promise<T>, timeoutMs = this.options.timeoutMs): Promise<T> {
    this.#admin ??= await AdminClient.connect({ ...this.options, timeoutMs })
    const admin = this.#admin
    admin.timeoutMs = timeoutMs
    try {
      return await question(admin)
    } catch (error) {
      if (isPassing(error)) this.close()
      throw error
    }
  }

  close(): void {
    this.#admin?.close()
    this.#admin = undefined
  }
}
