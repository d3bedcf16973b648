import { Random } from '@icf/testkit/random'

/** How many masters the cluster of a seed has. Chance here is apart from all other: with another number, a run can still be asked for. */
export function mastersOf(seed: number): number {
  const choice = new Random(~seed).next()
  if (choice < 0.4) return 1
  return choice < 0.8 ? 2 : 3
}
