import type { Runtime } from '@icf/common'
import type { Logger } from 'pino'

/** What keeps this master from being active for so long is worth a word. */
const PATIENCE_MS = 2000
/** The same trouble with etcd, when it comes and goes, is worth a word as rarely as this. */
const SAY_AGAIN_MS = 60_000

/** What a master says of its trouble with etcd, and of what keeps it from being active: once each time. */
export class Remarks {
  /** What is wrong with etcd, and whether that is said. */
  #trouble: { readonly isSaid: boolean } | undefined
  /** What was last said of that. */
  #said = { text: '', at: -Infinity }
  #obstacle: { readonly why: string; readonly since: number; isSaid: boolean } | undefined

  constructor(
    private readonly runtime: Runtime,
    private readonly logger: Logger,
  ) {}

  /** Etcd may let itself be read, and refuse what is written: so the same is not said again at once. */
  trouble(error: unknown): void {
    if (this.#trouble !== undefined) return
    const text = error instanceof Error ? error.message : String(error)
    const now = this.runtime.now()
    const isSaid = text !== this.#said.text || now - this.#said.at >= SAY_AGAIN_MS
    this.#trouble = { isSaid }
    if (!isSaid) return
    this.#said = { text, at: now }
    this.logger.warn({ error }, text)
  }

  /** Etcd answers. */
  noTrouble(): void {
    if (this.#trouble?.isSaid) this.logger.info('etcd answers again')
    this.#trouble = undefined
  }

  /** Said once it lasts. */
  heldUp(why: string): void {
    const now = this.runtime.now()
    if (this.#obstacle?.why !== why) this.#obstacle = { why, since: now, isSaid: false }
    const obstacle = this.#obstacle
    if (obstacle.isSaid || now - obstacle.since < PATIENCE_MS) return
    obstacle.isSaid = true
    this.logger.warn(`not active: ${why}`)
  }

  /** This master, or another one, is active. */
  notHeldUp(): void {
    this.#obstacle = undefined
  }
}
