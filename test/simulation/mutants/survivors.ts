import type { Mutant } from './mutant.js'

const CORE = 'packages/client/dist/core'

/** Bugs that no seed has caught yet: each says what the simulator would have to do. */
export const survivors: readonly Mutant[] = [
  {
    name: 'many-failed-by-the-first-code',
    file: `${CORE}/group.js`,
    find: `failures.find((failure) => !failure.error.retryable) ?? failures[0];`,
    replace: `failures[0];`,
    breaks: 'of a call for many keys, TIMEOUT says that none of those that failed has taken effect',
    survives:
      'of one call a write has to fail unsent, and then one that was sent to a server that answers nothing, which somebody sees',
  },
]
