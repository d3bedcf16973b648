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

/** All that are to be asked. */
export function electors(electorate: Electorate): Set<string> {
  return new Set(councils(electorate).flatMap(({ voters }) => voters))
}

/** Whether nobody else has a say. */
export function isAlone(electorate: Electorate, self: string): boolean {
  return [...electors(electorate)].every((id) => id === self)
}

function councils(electorate: Electorate): Council[] {
  return electorate.former ? [electorate, electorate.former] : [electorate]
}
