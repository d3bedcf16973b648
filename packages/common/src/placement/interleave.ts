import type { PlannedMove } from './plan.js'
import { NONE } from './types.js'

/** More than the moves of one pair in one stage. */
const ROUNDS = 2 ** 16

/**
 * Orders moves by stage, and within a stage so that those who send and those who receive take turns: one move of every
 * pair of servers, then a second one of every pair that has more, and so on. Within such a round the pairs go
 * (0→1, 1→2, 2→3, …), (0→2, 1→3, …), …: as many moves in a row as there are servers load every server once each way.
 */
export function interleave(moves: readonly PlannedMove[]): PlannedMove[] {
  const servers = 1 + moves.reduce((highest, move) => Math.max(highest, move.source, receiver(move)), 0)
  const pairs = servers * servers
  const roundOf = new Map<number, number>() // by stage and pair
  const byRank = new Map<number, PlannedMove>()
  for (const move of moves) {
    const distance = (receiver(move) - move.source + servers) % servers
    const pair = distance * servers + move.source
    const round = roundOf.get(move.stage * pairs + pair) ?? 0
    roundOf.set(move.stage * pairs + pair, round + 1)
    byRank.set((move.stage * ROUNDS + round) * pairs + pair, move) // below 2^40 for 1000 servers
  }
  return Array.from(Float64Array.from(byRank.keys()).sort(), (rank) => byRank.get(rank)!)
}

/** Who is busy with a move besides its source. */
function receiver({ source, to }: PlannedMove): number {
  return to === NONE ? source : to
}
