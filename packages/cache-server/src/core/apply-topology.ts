import { concernsClients, NONE, type Topology, type Transition } from '@icf/common'
import { changedSlots } from './changed-slots.js'
import type { Copier } from './copier.js'
import type { ReplicaChannel } from './replica-channel.js'
import { Held, Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'

interface TopologyEffects {
  /** Slots that stopped being parked: served again, or owned by another server. */
  readonly released: number[]
  /** Some slot has one copy less than before, or one that is to be begun (anew), or is no longer ours. */
  isCopyLost: boolean
}

/** Makes `next` the topology in force for this server. */
export function applyTopology(
  slots: SlotTable,
  store: Store,
  copier: Copier,
  next: Topology,
  ownId: string,
  channelTo: (serverId: string) => ReplicaChannel,
): TopologyEffects {
  const effects: TopologyEffects = { released: [], isCopyLost: false }
  const before = slots.topology
  slots.topology = next
  if (concernsClients(before, next)) slots.news = { epoch: next.epoch, version: next.version }
  const channels = next.servers.map((server) =>
    server && server.id !== ownId ? channelTo(server.id) : undefined,
  )
  for (const slot of changedSlots(before, next)) {
    const transition = next.transitions.get(slot)
    const heldBefore = slots.held[slot]!
    const held = heldBy(next, slots.seat, slot, transition)
    slots.held[slot] = held
    if (held !== heldBefore) changeStore(slots, store, slot, heldBefore, held)
    // What is left of an earlier copy, or of the time as its primary, must not be taken for this one either.
    if (held === Held.INCOMING && before.transitions.get(slot)?.since !== transition!.since) {
      store.clear(slot)
      slots.copySince[slot] = transition!.since
    }
    // In which of the versions that we have not seen it became the primary, only that server knows.
    else if (before.primary[slot] !== next.primary[slot]) slots.copySince[slot] = before.version + 1
    if (held === Held.PRIMARY && heldBefore !== Held.PRIMARY) slots.primarySince[slot] = next.version
    if (held === Held.PRIMARY) lead(slots, copier, next, slot, transition, channels, effects)
    else if (heldBefore === Held.PRIMARY) giveUp(slots, copier, slot, effects)
  }
  return effects
}

function heldBy(topology: Topology, seat: number, slot: number, transition: Transition | undefined): number {
  if (seat === NONE) return Held.NOTHING
  if (topology.primary[slot] === seat) return Held.PRIMARY
  if (topology.backup[slot] === seat) return Held.BACKUP
  return transition?.to === seat ? Held.INCOMING : Held.NOTHING
}

function changeStore(slots: SlotTable, store: Store, slot: number, before: number, held: number): void {
  if (before !== Held.INCOMING || held !== Held.BACKUP) slots.torn[slot] = 0
  if (held === Held.NOTHING || before === Held.NOTHING) slots.parted[slot] = 0
  if (held === Held.NOTHING) return store.clear(slot)
  // What is left of an earlier copy must not be taken for this one.
  if (before === Held.NOTHING) store.clear(slot)
  store.setRole(slot, held === Held.PRIMARY ? 'primary' : 'backup')
}

/** This server is the primary of the slot: who has to have its writes, and is its copy under way? */
function lead(
  slots: SlotTable,
  copier: Copier,
  topology: Topology,
  slot: number,
  transition: Transition | undefined,
  channels: readonly (ReplicaChannel | undefined)[],
  effects: TopologyEffects,
): void {
  const backupSeat = topology.backup[slot]!
  const backup = channels[backupSeat]
  const copy = transition && transition.to !== backupSeat ? channels[transition.to] : undefined
  const oldBackup = slots.backup[slot]
  const oldCopy = slots.copy[slot]
  if (
    (oldBackup && oldBackup !== backup && oldBackup !== copy) ||
    (oldCopy && oldCopy !== copy && oldCopy !== backup)
  )
    effects.isCopyLost = true
  // There is no other complete copy any more, or it was made from ours.
  if (!backup || backup === oldCopy) slots.parted[slot] = 0
  if (backup && backup !== oldBackup && backup !== oldCopy) slots.backupFrom[slot] = backup.nextNumber
  slots.backup[slot] = backup
  slots.copy[slot] = copy

  let fresh = true
  if (!transition) copier.cancel(slot)
  else {
    fresh = copier.ensure(slot, transition, topology.servers[transition.to]!.id, copy)
    if (fresh && copy) effects.isCopyLost = true
  }
  if (slots.serving[slot] === Serving.PARKED && !fresh) return
  if (slots.serving[slot] === Serving.PARKED) effects.released.push(slot)
  slots.serving[slot] = Serving.YES
}

function giveUp(slots: SlotTable, copier: Copier, slot: number, effects: TopologyEffects): void {
  copier.cancel(slot)
  if (slots.backup[slot] || slots.copy[slot]) effects.isCopyLost = true
  slots.backup[slot] = undefined
  slots.copy[slot] = undefined
  if (slots.serving[slot] === Serving.PARKED) effects.released.push(slot)
  slots.serving[slot] = Serving.NO
}
