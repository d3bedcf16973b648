export interface PoolLimits {
  /** Items under way at once. */
  readonly items: number
  /** Their weights together; one item that is heavier goes alone. */
  readonly weight: number
}

/**
 * Does `work` for every item, in order of start, as many at once as the limits allow. The first failure stops it: what
 * is under way ends first, then the failure is thrown.
 */
export async function forEachBounded<T>(
  items: Iterable<T>,
  weightOf: (item: T) => number,
  limits: PoolLimits,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const underWay = new Set<Promise<void>>()
  let weight = 0
  let failure: { error: unknown } | undefined
  for (const item of items) {
    const itemWeight = weightOf(item)
    const isFull = (): boolean =>
      underWay.size >= limits.items || (underWay.size > 0 && weight + itemWeight > limits.weight)
    while (!failure && isFull()) await Promise.race(underWay)
    if (failure) break
    weight += itemWeight
    const task: Promise<void> = work(item)
      .catch((error: unknown) => {
        failure ??= { error }
      })
      .then(() => {
        weight -= itemWeight
        underWay.delete(task)
      })
    underWay.add(task)
  }
  await Promise.all(underWay)
  if (failure) throw failure.error
}
