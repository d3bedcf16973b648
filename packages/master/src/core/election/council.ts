import { limits, type Council } from '@icf/common'

/** A process that can vote. */
export interface Candidate {
  readonly id: string
  /** What dies at once is better not asked twice. */
  readonly machine: string
}

/** More make commits slower, and elections no safer against the loss of any one. */
const VOTERS = 5

/**
 * Who is to vote from now on: all masters; and if there are several, so many cache servers that no half of all is as large
 * as the other. Where servers lack for that, a master that has no vote yet waits for one: two of two would have to agree, so
 * that either one's end would be the end of both. A lone master needs nobody.
 *
 * A master that is away keeps its vote, and would take the whole margin of a few voters with it: so one that is there may have two,
 * where that makes their number odd (Garcia-Molina and Barbara, "How to Assign Votes in a Distributed System", 1985).
 * @param present whose servers stay, as far as they are there
 * @param masters active and standby, also such as are away for the time being; those that vote already come first
 * @param servers that are there
 * @param twice the master that may have two votes: it is listed twice; undefined: none, as none is away
 */
export function chooseCouncil(
  present: Council,
  masters: readonly Candidate[],
  servers: readonly Candidate[],
  twice?: string,
): Council {
  const voters = masters.slice(0, limits.maxVoters)
  const most = serversWith(voters.length, servers.length)
  const isEven = (voters.length + most) % 2 === 0
  const hasTwo = isEven && twice !== undefined && voters.length + most < limits.maxVoters
  const wanted = isEven && !hasTwo ? Math.max(0, most - 1) : most
  const last = voters.at(-1)
  if (last && !hasTwo && (voters.length + wanted) % 2 === 0 && !present.masters.includes(last.id))
    voters.pop()
  const masterIds = voters.map(({ id }) => id)
  const waiting = servers.toSorted((a, b) => rank(present, a) - rank(present, b) || compare(a.id, b.id))
  for (let n = 0; n < wanted; n++) {
    const used = (machine: string): number => voters.filter((voter) => voter.machine === machine).length
    const next = waiting.reduce((best, server) => (used(server.machine) < used(best.machine) ? server : best))
    waiting.splice(waiting.indexOf(next), 1)
    voters.push(next)
  }
  const voterIds = voters.map(({ id }) => id)
  return { voters: hasTwo ? [...voterIds, twice] : voterIds, masters: masterIds }
}

/** How many servers may vote with so many masters. */
function serversWith(masters: number, servers: number): number {
  if (masters === 1) return 0
  const most = Math.min(servers, Math.max(VOTERS - masters, 1 - (masters % 2)), limits.maxVoters - masters)
  return Math.max(0, most)
}

function rank(present: Council, { id }: Candidate): number {
  return present.voters.includes(id) ? 0 : 1
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Whether they are the same, in whatever order. */
export function sameCouncil(a: Council, b: Council): boolean {
  return sameIds(a.voters, b.voters) && sameIds(a.masters, b.masters)
}

function sameIds(a: readonly string[], b: readonly string[]): boolean {
  const [sortedA, sortedB] = [a.toSorted(compare), b.toSorted(compare)]
  return a.length === b.length && sortedA.every((id, i) => id === sortedB[i])
}
