import { isNewer, NONE, type Topology } from '@icf/common'
import type { SimCluster, SimServer } from '../cluster.js'
import { Violation } from './violation.js'

type Core = SimServer['incarnation']['core']
type Session = ReturnType<Core['openClient']>

/** What a client waits for until all copies have it. */
interface Write {
  readonly slot: number
  readonly key: string
  readonly isRemoval: boolean
  /** Its number among those of the slot; undefined while it is carried out. */
  seq: number | undefined
  /** Names the copy under way that was told of it. */
  readonly toldSince: number | undefined
  /** It was carried out before, perhaps long ago, and is only answered once more. */
  readonly isRepeat: boolean
}

/**
 * Invariant 13: when a primary acknowledges a write, every copy that its topology names has that write, or something later of
 * the key. Where one of these copies follows a newer topology, it is asked of those which that one calls complete: the primary
 * may have been replaced. Nothing is asked
 * - for writes with `ack: 'primary'`;
 * - of processes that have died, or begun anew: the primary need not know of that;
 * - of a copy under way that began after the write: what was written before comes in its turn. But where there is no other copy,
 *   a write that is still to be answered goes first; one that was carried out long ago, and is said again, does not;
 * - of a copy that had to evict by itself.
 */
export class AcknowledgedChecker {
  #violation: Violation | undefined

  constructor(private readonly cluster: SimCluster) {}

  /** From now on whatever this incarnation of the server answers is looked at. */
  watch(server: SimServer): void {
    const { core } = server.incarnation
    const { writer, slots, store } = core
    const writes = new WeakMap<Session, Map<number, Write>>()

    const openClient = core.openClient.bind(core)
    core.openClient = (...args) => {
      const session = openClient(...args)
      const open = new Map<number, Write>()
      writes.set(session, open)
      const reply = session.reply.bind(session)
      session.reply = (id, result) => {
        const write = open.get(id)
        open.delete(id)
        if (write && result === true) this.#acknowledged(server, core, write)
        reply(id, result)
      }
      return session
    }

    const begin = (session: Session, id: number, slot: number, key: string, isRemoval: boolean): Write => {
      const toldSince = slots.topology.transitions.get(slot)?.since
      const write: Write = { slot, key, isRemoval, seq: undefined, toldSince, isRepeat: false }
      writes.get(session)?.set(id, write)
      return write
    }

    const put = writer.put.bind(writer)
    writer.put = (client, id, number, slot, key, value, kind, expiresAt, ackPrimary, now) => {
      const write = ackPrimary ? undefined : begin(client, id, slot, key, false)
      put(client, id, number, slot, key, value, kind, expiresAt, ackPrimary, now)
      if (write) write.seq ??= slots.seq[slot]!
    }

    const remove = writer.remove.bind(writer)
    writer.remove = (slot, key, client, id, number) => {
      const write = client && id !== undefined ? begin(client, id, slot, key, true) : undefined
      remove(slot, key, client, id, number)
      if (write) write.seq ??= slots.seq[slot]!
    }

    const confirm = writer.confirm.bind(writer)
    writer.confirm = (client, id, slot, key) => {
      const entry = store.peek(slot, key)
      // What it evicted by itself, others may have.
      if (entry || slots.parted[slot] === 0)
        writes.get(client)?.set(id, {
          slot,
          key,
          isRemoval: !entry,
          seq: entry ? entry.seq : slots.seq[slot]!,
          toldSince: undefined,
          isRepeat: true,
        })
      confirm(client, id, slot, key)
    }
  }

  /** What was found since it was called last. */
  check(): void {
    if (this.#violation) throw this.#violation
  }

  #acknowledged(server: SimServer, core: Core, write: Write): void {
    // What a process does in the turn in which it dies, nobody sees.
    if (!server.process.isAlive || core.isOver) return
    const own = core.slots.topology
    const named = this.#holders(own, namedBy(own, write))
    let newest = own
    for (const { incarnation } of named) {
      const { topology } = incarnation.core.slots
      if (isNewer(topology, newest)) newest = topology
    }
    const { slot } = write
    const asked =
      newest === own ? named : this.#holders(newest, [newest.primary[slot]!, newest.backup[slot]!])
    for (const copy of asked)
      if (!has(copy.incarnation.core, write))
        this.#violation ??= new Violation(
          `invariant 13: ${server.process.name} acknowledges ${write.isRemoval ? 'the removal' : 'a write'} of ${write.key}, ` +
            `number ${write.seq} of slot ${slot}, by ${own.epoch}.${own.version}; ${copy.process.name}, ` +
            `by ${newest.epoch}.${newest.version} a copy, has ${describe(copy.incarnation.core, write)}`,
        )
  }

  /** Living members in these seats. */
  #holders({ servers }: Topology, seats: readonly number[]): SimServer[] {
    const holders: SimServer[] = []
    for (const seat of seats) {
      const id = seat === NONE ? undefined : servers[seat]?.id
      if (id === undefined) continue
      const holder = this.cluster.servers.find(({ incarnation }) => incarnation?.id === id)
      if (holder && !holder.incarnation.core.isOver) holders.push(holder)
    }
    return holders
  }
}

/** Seats of the copies that must have the write. */
function namedBy({ backup, transitions }: Topology, { slot, toldSince, isRepeat }: Write): number[] {
  const second = backup[slot]!
  const transition = transitions.get(slot)
  if (!transition) return [second]
  const isTold = transition.since === toldSince || (second === NONE && !isRepeat)
  return isTold ? [second, transition.to] : [second]
}

function has({ slots, store }: Core, { slot, key, isRemoval, seq = slots.seq[slot]! }: Write): boolean {
  if (slots.parted[slot] === 1) return true
  const entry = store.peek(slot, key)
  if (entry && entry.seq >= seq) return true
  // Without an entry: it was removed by that write, or a later one.
  return !entry && slots.seq[slot]! >= (isRemoval ? seq : seq + 1)
}

function describe({ slots, store }: Core, { slot, key }: Write): string {
  const entry = store.peek(slot, key)
  return `${entry ? `number ${entry.seq}` : 'nothing'} of it, and ${slots.seq[slot]} writes`
}
