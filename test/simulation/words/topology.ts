import { NONE, type Topology, type Transition } from '@icf/common'
import type { Names } from './names.js'
import { slotsWords } from './values.js'

/** Who has which slot, a line for each group of slots that are in the same hands. */
export function ownersInWords(topology: Topology, names: Names): string[] {
  return lines(topology, (slot) => {
    const { primary, backup, transitions } = topology
    const transition = transitions.get(slot)
    const copy = transition ? `, ${copyWords(topology, transition, names)}` : ''
    return `primary ${at(topology, primary[slot]!, names)}, backup ${at(topology, backup[slot]!, names)}${copy}`
  })
}

/** What a topology changes: first who comes and goes, then a line for each group of slots with which the same happens. */
export function changesInWords(before: Topology, next: Topology, names: Names): string[] {
  return [...members(before, next, names), ...lines(next, (slot) => slotChanges(before, next, slot, names))]
}

function lines({ primary }: Topology, words: (slot: number) => string): string[] {
  return bySlots(primary.length, words).map(([text, slots]) => `${slots}: ${text}`)
}

function members(before: Topology, next: Topology, names: Names): string[] {
  const words: string[] = []
  const known = new Map(before.servers.flatMap((server) => (server ? [[server.id, server]] : [])))
  for (const server of next.servers) {
    if (!server) continue
    if (!known.has(server.id)) words.push(`${names.id(server.id)} joins`)
    else if (server.state !== known.get(server.id)!.state)
      words.push(`${names.id(server.id)} is ${server.state}`)
    known.delete(server.id)
  }
  return [...words, ...[...known.keys()].map((id) => `${names.id(id)} is a member no more`)]
}

function slotChanges(before: Topology, next: Topology, slot: number, names: Names): string {
  const changes: string[] = []
  for (const role of ['primary', 'backup'] as const) {
    const [old, now] = [before, next].map((topology) => at(topology, topology[role][slot]!, names))
    if (old !== now) changes.push(`${role} ${old} → ${now}`)
  }
  const transition = next.transitions.get(slot)
  if (transition && transition.since !== before.transitions.get(slot)?.since)
    changes.push(copyWords(next, transition, names))
  return changes.join(', ')
}

function copyWords(topology: Topology, { to, intent }: Transition, names: Names): string {
  return `${at(topology, to, names)} is to be the ${intent}`
}

function at({ servers }: Topology, seat: number, names: Names): string {
  const server = seat === NONE ? undefined : servers[seat]
  return server ? names.id(server.id) : 'none'
}

/** What is said of each slot, in groups: with which slots. @param words '' says nothing */
export function bySlots(count: number, words: (slot: number) => string): [words: string, slots: string][] {
  const groups = new Map<string, number[]>()
  for (let slot = 0; slot < count; slot++) {
    const text = words(slot)
    if (text !== '') groups.set(text, [...(groups.get(text) ?? []), slot])
  }
  return [...groups].map(([text, slots]) => [text, slotsWords(slots)])
}
