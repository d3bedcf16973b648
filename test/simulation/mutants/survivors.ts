import type { Mutant } from './mutant.js'

/** Bugs that no seed has caught yet: each says what the simulator would have to do. */
export const survivors: readonly Mutant[] = [
  {
    name: 'batches-applied-twice',
    file: 'packages/cache-server/dist/core/replica-intake.js',
    find: `const isNew = number > sender.lastStored;`,
    replace: `const isNew = true;`,
    breaks: 'batches are sent again after a reconnect, each is applied exactly once',
    survives:
      'what comes twice is refused as a gap, and the backup is mended: a gap that is mended would have to count',
  },
]
