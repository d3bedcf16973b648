import type { Mutant } from './mutant.js'

const SERVER = 'packages/cache-server/dist/core'
const MASTER = 'packages/master/dist/core'

/** Bugs that no seed has caught yet: each says what the simulator would have to do. */
export const survivors: readonly Mutant[] = [
  {
    name: 'backup-takes-what-is-about-another-copy',
    file: `${SERVER}/replica-intake.js`,
    find: ` && this.#version >= copySince[slot];
    }
    /** Whether our topology wants this copy of the slot. */
    #isWanted(slot, since) {
        return (this.slots.held[slot] === Held.INCOMING && this.slots.topology.transitions.get(slot)?.since === since);`,
    replace: `;
    }
    /** Whether our topology wants this copy of the slot. */
    #isWanted(slot, since) {
        return (this.slots.held[slot] === Held.INCOMING);`,
    breaks: 'what was held up while the copy went elsewhere and came back is refused by its version',
    survives:
      'a primary has to be replaced for its silence, stay a member for what only it has, and get the slot back before its batch comes',
  },
  {
    name: 'oldest-topology-inherited',
    file: `${MASTER}/inheritance.js`,
    find: `if (!this.#newest || isNewer(topology, this.#newest))`,
    replace: `if (!this.#newest || isNewer(this.#newest, topology))`,
    breaks: 'the restarted master goes on with the newest topology among the servers',
    survives:
      'the state has to be lost while who gave a slot away does not know it yet, and who got it has answered a write',
  },
]
