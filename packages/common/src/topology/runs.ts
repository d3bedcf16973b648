import { asCount, asSlot, malformed } from './checks.js'

/**
 * Changes of slots as they travel in a difference: flat `gap, count, value…`, where the gap is from the end of the run
 * before, so that most numbers take one byte.
 */
export class RunWriter {
  readonly flat: unknown[] = []
  #end = 0
  #countAt = -1

  /** @param slot above all that were added before */
  add(slot: number, value: readonly unknown[]): void {
    if (slot === this.#end && this.#isLast(value)) (this.flat[this.#countAt] as number)++
    else {
      this.#countAt = this.flat.push(slot - this.#end, 1) - 1
      this.flat.push(...value)
    }
    this.#end = slot + 1
  }

  #isLast(value: readonly unknown[]): boolean {
    return this.#countAt >= 0 && value.every((part, at) => part === this.flat[this.#countAt + 1 + at])
  }
}

/**
 * @param width of each value
 * @param run called for each run of slots from `start` up to, not including, `end`, with where its value is in `flat`
 * @throws IcfError PROTOCOL when a run is empty, cut off, or goes beyond the last slot
 */
export function readRuns(
  flat: readonly unknown[],
  width: number,
  slotCount: number,
  run: (start: number, end: number, valueAt: number) => void,
): void {
  let end = 0
  for (let at = 0; at < flat.length; at += 2 + width) {
    const start = asSlot(end + asCount(flat[at], 'gap before a run'), 'first slot of a run', slotCount)
    const count = asCount(flat[at + 1], 'length of a run')
    end = start + count
    if (count === 0 || end > slotCount)
      throw malformed(
        'length of a run',
        `from 1 to ${slotCount - start}, as it begins at slot ${start}`,
        count,
      )
    if (at + 2 + width > flat.length) throw malformed('last run', `${2 + width} numbers`, flat.slice(at))
    run(start, end, at + 2)
  }
}
