import { limits } from '@icf/common'
import { Progress } from '../progress.js'
import { formatBytes, formatCount, formatDuration } from '../units.js'
import type { FoundFile, Skipped, Walk } from './walk.js'

/** Files and bytes that are read and on their way at once. */
export const UNDER_WAY = { items: 64, weight: 32 * 1024 ** 2 } as const

/** Counts what `load` and `verify` did, and shows it while they go on. */
export class Tally {
  files = 0
  bytes = 0
  seconds = 0
  readonly skipped: Skipped[]
  readonly #startedAt = performance.now()
  readonly #progress: Progress
  readonly #fileCount: number
  #expectedBytes: number

  constructor(label: string, walk: Walk) {
    this.#fileCount = walk.files.length
    this.#expectedBytes = walk.totalBytes
    this.skipped = [...walk.skipped]
    this.#progress = new Progress(label, () => this.#state())
  }

  /** Skips a file that no value can hold, before it is read. */
  isTooLarge({ name, bytes }: FoundFile): boolean {
    if (bytes <= limits.maxValueBytes) return false
    this.skip(
      name,
      `${formatCount(bytes)} bytes are more than a value can hold (${formatCount(limits.maxValueBytes)})`,
    )
    this.#expectedBytes -= bytes
    return true
  }

  skip(name: string, reason: string): void {
    this.skipped.push({ name, reason })
  }

  done(bytes: number): void {
    this.files++
    this.bytes += bytes
  }

  end(): void {
    this.seconds = (performance.now() - this.#startedAt) / 1000
    this.#progress.stop()
  }

  #state(): { share: number; text: string } {
    const [fileCount, totalBytes] = [this.#fileCount, this.#expectedBytes]
    const seconds = (performance.now() - this.#startedAt) / 1000
    const share = totalBytes > 0 ? this.bytes / totalBytes : this.files / Math.max(1, fileCount)
    const rate = `${formatBytes(this.bytes / seconds)}/s`
    return {
      share,
      text: `${formatCount(this.files)} of ${formatCount(fileCount)} files  ${formatBytes(this.bytes)} of ${formatBytes(totalBytes)}  ${rate}`,
    }
  }
}

export function skippedLines(skipped: readonly Skipped[]): string[] {
  return skipped.map(({ name, reason }) => `icf: skipped ${name}: ${reason}`)
}

/** `1.2 s (34 MB/s)` */
export function throughput(bytes: number, seconds: number): string {
  const rate = seconds > 0 ? ` (${formatBytes(bytes / seconds)}/s)` : ''
  return `${formatDuration(seconds * 1000)}${rate}`
}
