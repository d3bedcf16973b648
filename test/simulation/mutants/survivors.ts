import type { Mutant } from './mutant.js'

/** Bugs that no seed has caught yet: each says what the simulator would have to do. None at present. */
export const survivors: readonly Mutant[] = []
