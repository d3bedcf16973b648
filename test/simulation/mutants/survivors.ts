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
    survives: 'a batch that is held up while the slot goes to another server and comes back',
  },
  {
    name: 'oldest-topology-inherited',
    file: `${MASTER}/inheritance.js`,
    find: `if (!this.#newest || isNewer(topology, this.#newest))`,
    replace: `if (!this.#newest || isNewer(this.#newest, topology))`,
    breaks: 'the restarted master goes on with the newest topology among the servers',
    survives: 'the state has to be lost while servers follow different versions',
  },
  {
    name: 'copies-what-was-there-at-first',
    file: `${SERVER}/copier.js`,
    find: `task.keys ??= this.store.keysOf(slot)[Symbol.iterator]();
        task.stage = 'copying';
        while (channel.fillBytesInFlight < WINDOW_BYTES) {
            const next = task.keys.next();
            if (next.done) {
                task.stage = 'ending';
                channel.fillEnd(slot, () => this.#stored(task));
                return true;
            }
            const entry = this.store.peek(slot, next.value);`,
    replace: `task.keys ??= [...this.store.keysOf(slot)].map((key) => this.store.peek(slot, key)).values();
        task.stage = 'copying';
        while (channel.fillBytesInFlight < WINDOW_BYTES) {
            const next = task.keys.next();
            if (next.done) {
                task.stage = 'ending';
                channel.fillEnd(slot, () => this.#stored(task));
                return true;
            }
            const entry = next.value;`,
    breaks: 'an entry is read when it is put into the channel: a deleted key can not come back by a copy',
    survives: 'nothing that is known; it was never run to its end',
  },
  {
    name: 'parting-forgotten',
    file: `${SERVER}/writer.js`,
    find: `if (removal || this.slots.parted[slot] === 0)`,
    replace: `if (true)`,
    breaks: 'invariant 3: what was found missing does not come back',
    survives: 'a backup that evicted by itself has to become the primary and be asked for that key',
  },
]
