import { styleFor } from './style.js'
import { formatDuration } from './units.js'

const FRAME_MS = 100
const BAR_WIDTH = 20
const NARROW_BAR_WIDTH = 8
/** From here on a terminal has room for the wide bar. */
const WIDE_COLUMNS = 100
const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'

export interface ProgressState {
  /** From 0 to 1; undefined when nobody knows. */
  readonly share?: number | undefined
  readonly text: string
  /** Undefined: it follows from the share. */
  readonly etaMs?: number | undefined
}

/**
 * One line on stderr that changes while long work goes on; nothing at all where stderr is no terminal. `state` is
 * asked at each frame.
 */
export class Progress {
  readonly #timer: NodeJS.Timeout | undefined
  readonly #startedAt = performance.now()
  #frame = 0

  constructor(
    private readonly label: string,
    private readonly state: () => ProgressState,
    private readonly stream: NodeJS.WriteStream = process.stderr,
  ) {
    if (stream.isTTY !== true || process.env.TERM === 'dumb') return
    this.#timer = setInterval(() => this.#draw(), FRAME_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#clear()
  }

  get #barWidth(): number {
    return this.stream.columns < WIDE_COLUMNS ? NARROW_BAR_WIDTH : BAR_WIDTH
  }

  #clear(): void {
    if (this.#timer) this.stream.write('\r\x1b[K')
  }

  #draw(): void {
    const { share, text, etaMs } = this.state()
    const elapsedMs = performance.now() - this.#startedAt
    const spinner = SPINNER[this.#frame++ % SPINNER.length]!
    const parts = [`${spinner} ${this.label}`]
    if (share !== undefined)
      parts.push(progressBar(share, this.#barWidth), `${Math.floor(share * 100)} %`.padStart(5))
    parts.push(text)
    const eta = etaMs ?? remainingMs(share, elapsedMs)
    if (eta !== undefined) parts.push(`${formatDuration(eta)} left`)
    const line = Array.from(parts.join('  '))
      .slice(0, this.stream.columns - 1)
      .join('')
    this.stream.write(`\r\x1b[K${styleFor(this.stream).dim(line)}`)
  }
}

/** `█████▌░░░` in eighths of a character. */
export function progressBar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8)
  const full = Math.floor(eighths / 8)
  const partial = ' ▏▎▍▌▋▊▉'[eighths % 8]!
  const filled = '█'.repeat(full) + (full < width && eighths % 8 > 0 ? partial : '')
  return filled + '░'.repeat(width - Array.from(filled).length)
}

/** The time that is left at the average speed so far; undefined while that would be a guess. */
export function remainingMs(share: number | undefined, elapsedMs: number): number | undefined {
  if (share === undefined || share <= 0.01 || share >= 1 || elapsedMs < 1000) return undefined
  return (elapsedMs * (1 - share)) / share
}
