import {
  emptyTopology,
  NONE,
  Transitions,
  type ServerInfo,
  type Topology,
  type Transition,
} from '@icf/common'

/** A server as a topology has it: active, of weight 1, in no zone, on a machine that nobody knows. */
export function serverInfo(id: string, other: Partial<ServerInfo> = {}): ServerInfo {
  return { id, host: 'h', port: 1, respPort: 0, zone: '', machine: '', weight: 1, state: 'active', ...other }
}

/** The seat of every slot, or of each. */
type Column = number | ((slot: number) => number)

export interface Given extends Partial<Omit<Topology, 'primary' | 'backup'>> {
  readonly primary?: Column
  readonly backup?: Column
  /** Of a cluster: SLOT_COUNT. */
  readonly slotCount?: number
}

/** The first version of the first epoch, empty, but for what is given. */
export function topologyWith({ primary = NONE, backup = NONE, slotCount, ...given }: Given): Topology {
  const empty = emptyTopology({ virtualNodes: 1, seed: 1 }, slotCount)
  const column = (seat: Column): Uint16Array =>
    empty.primary.map((_, slot) => (typeof seat === 'number' ? seat : seat(slot)))
  return { ...empty, epoch: 1, version: 1, ...given, primary: column(primary), backup: column(backup) }
}

/** Those of a topology by slot. */
export function transitionsOf(
  bySlot: Iterable<readonly [slot: number, transition: Transition]>,
): Transitions {
  const transitions = Transitions.none()
  for (const [slot, transition] of bySlot) transitions.set(slot, transition)
  return transitions
}
