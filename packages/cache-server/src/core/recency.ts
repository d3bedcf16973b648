/** Two records for the ends of each list, whose handles are below those of entries. */
const END_OF = [1, 2] as const
export const LAST_END = 2

/** Where the chain goes on from a handle. */
export interface Links {
  prev(handle: number): number
  next(handle: number): number
  setPrev(handle: number, prev: number): void
  setNext(handle: number, next: number): void
}

/**
 * Which handle came when: one list for each side, a chain whose ends meet in a handle of its own. One that is used stays where it is,
 * and is only marked: it is passed over, to come anew, when it would be the next to go. That is LRU by second chance (Corbató, A
 * Paging Experiment with the Multics System, 1968), which finds as much as exact LRU or more (Yang et al., FIFO Can Be Better than
 * LRU, HotOS 2023), and a GET touches no other entry's memory.
 */
export class Recency {
  constructor(private readonly links: Links) {
    for (const end of END_OF) {
      links.setNext(end, end)
      links.setPrev(end, end)
    }
  }

  /** As the last to come of that side. */
  add(side: number, handle: number): void {
    const { links } = this
    const end = END_OF[side]!
    const after = links.next(end)
    links.setNext(end, handle)
    links.setPrev(handle, end)
    links.setNext(handle, after)
    links.setPrev(after, handle)
  }

  remove(handle: number): void {
    const { links } = this
    const before = links.prev(handle)
    const after = links.next(handle)
    links.setNext(before, after)
    links.setPrev(after, before)
  }

  /** Another handle, which has the same links, is in its place. */
  replace(handle: number): void {
    const { links } = this
    links.setNext(links.prev(handle), handle)
    links.setPrev(links.next(handle), handle)
  }

  /** The first to go; up to LAST_END: there is none. */
  oldest(side: number): number {
    return this.links.prev(END_OF[side]!)
  }
}
