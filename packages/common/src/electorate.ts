/** Voters of one time, by their ids. */
export interface Council {
  /** Masters and cache servers. One that is listed twice has two votes. */
  readonly voters: readonly string[]
  /** Those of them that are masters. */
  readonly masters: readonly string[]
}

/** Who has a say in which master is active, and in what takes effect. */
export interface Electorate extends Council {
  /** Those of before, until the change to others is in effect: both have to agree (Ongaro and Ousterhout, "Raft", 2014, 6). */
  readonly former: Council | undefined
}
