import type { Council, Electorate } from '@icf/common'

/**
 * Whether those who agree are enough. A majority is, if a master is in it; and so are all masters: so masters that were all
 * started again go on, though no cache server of before is there to vote. Any two such groups have somebody in common.
 */
export function isQuorum(electorate: Electorate, agrees: (id: string) => boolean): boolean {
  return councils(electorate).every(({ voters, masters }) => {
    const isMajority = 2 * voters.filter(agrees).length > voters.length
    return isMajority ? masters.some(agrees) : masters.length > 0 && masters.every(agrees)
  })
}

const knownElectors = new WeakMap<Electorate, ReadonlySet<string>>()

/** All that are to be asked. Asked with every word of an active master to each of them, and with every answer. */
export function electors(electorate: Electorate): ReadonlySet<string> {
  const known = knownElectors.get(electorate)
  if (known) return known
  const ids = new Set(councils(electorate).flatMap(({ voters }) => voters))
  knownElectors.set(electorate, ids)
  return ids
}

/** Whether nobody else has a say. */
export function isAlone(electorate: Electorate, self: string): boolean {
  return [...electors(electorate)].every((id) => id === self)
}

function councils(electorate: Electorate): Council[] {
  return electorate.former ? [electorate, electorate.former] : [electorate]
}
