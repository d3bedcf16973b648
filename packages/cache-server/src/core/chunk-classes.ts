/** Chunks begin at multiples of so many bytes. */
export const UNIT_BYTES = 16
export const LEAST_CHUNK_BYTES = 64

/** A class of chunks is larger than the next smaller one by this share, at most: what they hold wastes no more, half of it on average. */
const GROWTH = 1 / 8

/** A page has at least so many chunks. */
const CHUNKS_OF_LARGEST = 8

export const LEAST_PAGE_BYTES = 2 ** 16
export const MOST_PAGE_BYTES = 2 ** 18

/** By class, from the smallest to the largest. */
export const CLASS_UNITS = classUnits()

/** By size in units. */
const UNITS_BY_SIZE = unitsBySize()

/** The largest chunk of all, in bytes … */
export const MOST_CHUNK_BYTES = largestChunk(MOST_PAGE_BYTES)

/** … and of those that pages of this size have. */
export function largestChunk(pageBytes: number): number {
  return pageBytes / CHUNKS_OF_LARGEST
}

/** What a chunk takes that has room for so many bytes, up to `MOST_CHUNK_BYTES`: the same in pages of all sizes. */
export function chunkBytes(size: number): number {
  return UNITS_BY_SIZE[Math.ceil(size / UNIT_BYTES)]! * UNIT_BYTES
}

/** So many to a page that each is cut from it without a rest, about, and wastes no more than GROWTH: from the smallest page on that has it. */
function classUnits(): readonly number[] {
  const classes: number[] = []
  const add = (pageBytes: number, count: number): void => {
    const units = Math.floor(pageBytes / count / UNIT_BYTES)
    if (units !== classes.at(-1)) classes.push(units)
  }
  for (let pageBytes = MOST_PAGE_BYTES; pageBytes > LEAST_PAGE_BYTES; pageBytes /= 2)
    for (let count = CHUNKS_OF_LARGEST; count < 2 * CHUNKS_OF_LARGEST; count++) add(pageBytes, count)
  const most = LEAST_PAGE_BYTES / LEAST_CHUNK_BYTES
  for (
    let count = CHUNKS_OF_LARGEST;
    count <= most;
    count = Math.max(count + 1, Math.floor(count * (1 + GROWTH)))
  )
    add(LEAST_PAGE_BYTES, count)
  return classes.reverse()
}

function unitsBySize(): Uint16Array {
  const bySize = new Uint16Array(CLASS_UNITS.at(-1)! + 1)
  let from = 0
  for (const units of CLASS_UNITS) {
    bySize.fill(units, from, units + 1)
    from = units + 1
  }
  return bySize
}
