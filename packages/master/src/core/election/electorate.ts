/** Voters of one time, by their ids. */
export interface Council {
  /** Masters and cache servers. */
  readonly voters: readonly string[]
  /** Those of them that are masters. */
  readonly masters: readonly string[]
}

/** Who has a say in which master is active, and in what takes effect. */
export interface Electorate extends Council {
  /** Those of before, until the change to others is in effect: both have to agree (Ongaro and Ousterhout, "Raft", 2014, 6). */
  readonly former: Council | undefined
}

/**
 * Whether those who agree are enough. A majority is, if a master is in it; and so are all masters: so masters that were all
 * started again go on, though no cache server of before is there to vote. Any two such groups have somebody in common.
 */
export function isQuorum(electorate: Electorate, agrees: (id: string) => boolean): boolean {
  return councils(electorate).every(({ voters, masters }) => {
    const isMajority = 2 * voters.filter(agrees).length > voters.length
    return isMajority ? masters.some(agrees) : masters.every(agrees)
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
