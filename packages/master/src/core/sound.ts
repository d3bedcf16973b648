import { NONE, type Topology } from '@icf/common'

/** The first slot whose assignment makes no sense, if there is one: what comes from a file or a peer may be damaged. */
export function unsoundSlot({ servers, primary, backup, transitions }: Topology): number | undefined {
  const isVacant = (seat: number): boolean => seat !== NONE && servers[seat] === undefined
  for (let slot = 0; slot < primary.length; slot++) {
    const [first, second] = [primary[slot]!, backup[slot]!]
    const seats = [first, second, transitions.get(slot)?.to ?? NONE]
    if (seats.some(isVacant) || (first !== NONE && first === second)) return slot
  }
  return undefined
}
