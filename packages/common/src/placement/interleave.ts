import type { PlannedMove } from './plan.js'
import { NONE } from './types.js'

/**
 * Orders moves by stage, and within a stage so that those who send and those who receive take turns: one move of every
 * pair of servers, then a second one of every pair that has more, and so on. Within such a round the pairs go
 * (0→1, 1→2, 2→3, …), (0→2, 1→3, …), …: as many moves in a row as there are servers load every server once each way.
 */
export function interleave(moves: readonly PlannedMove[]): PlannedMove[] {
  const servers = 1 + moves.reduce((highest, move) => Math.max(highest, move.source, receiver(move)), 0)
  const stages: Map<number, PlannedMove[]>[] = [] // the moves of each pair, by its rank in a round
  for (const move of moves) {
    const distance = (receiver(move) - move.source + servers) % servers
    const rank = distance * servers + move.source
    const stage = (stages[move.stage] ??= new Map<number, PlannedMove[]>())
    const queue = stage.get(rank)
    if (queue) queue.push(move)
    else stage.set(rank, [move])
  }
  const ordered: PlannedMove[] = []
  for (const stage of stages) if (stage) takeTurns(stage, ordered)
  return ordered
}

function takeTurns(stage: ReadonlyMap<number, PlannedMove[]>, into: PlannedMove[]): void {
  const ranks = [...stage.keys()].sort((one, other) => one - other)
  let queues = ranks.map((rank) => stage.get(rank)!)
  for (let round = 0; queues.length > 0; round++) {
    for (const queue of queues) into.push(queue[round]!)
    queues = queues.filter(({ length }) => length > round + 1)
  }
}

/** Who is busy with a move besides its source. */
function receiver({ source, to }: PlannedMove): number {
  return to === NONE ? source : to
}
