import { compareStamps, type Council, type KeptState } from '@icf/common'
import type { SimMaster } from './masters.js'
import { VoteDisk } from './vote-disk.js'

/** Who decides, as the newest state on the disk of any master has it; undefined: none has one, or the master is alone. */
export function councilsOf(masters: readonly SimMaster[]): Council[] | undefined {
  let newest: KeptState | undefined
  for (const { disk } of masters)
    if (disk instanceof VoteDisk && compareStamps(disk.kept, newest) > 0) newest = disk.kept
  return newest && (newest.former ? [newest, newest.former] : [newest])
}

/** Whether these are enough, by what docs/masters.md says: a majority with a master in it, or all masters. */
export function areEnough(councils: readonly Council[], ids: ReadonlySet<string>): boolean {
  const has = (id: string): boolean => ids.has(id)
  return councils.every(
    ({ voters, masters }) =>
      masters.every(has) || (masters.some(has) && 2 * voters.filter(has).length > voters.length),
  )
}
