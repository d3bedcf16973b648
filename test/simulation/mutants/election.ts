import type { Mutant } from './mutant.js'

const ELECTION = 'packages/master/dist/core/election'
const VOTING = 'packages/master/dist/shell/voting'
const BALLOT = 'packages/common/dist/ballot.js'

const ELECTION_TEST = `${ELECTION}/election.test.js`

export const electionMutants: readonly Mutant[] = [
  // --- who decides
  {
    name: 'less-than-half-decide',
    file: `${ELECTION}/quorum.js`,
    find: `2 * voters.filter(agrees).length > voters.length`,
    replace: `2 * voters.filter(agrees).length + 1 >= voters.length`,
    breaks: 'any two groups that decide have a voter in common',
    masters: 2,
  },
  {
    name: 'servers-decide-without-a-master',
    file: `${ELECTION}/quorum.js`,
    find: `return isMajority ? masters.some(agrees) :`,
    replace: `return isMajority ? true :`,
    breaks: 'a majority decides only with a master in it: all masters decide without any server',
    masters: 2,
    // All masters have to die before their disks have what the servers have, and to find none of these.
    test: ELECTION_TEST,
  },
  {
    name: 'former-voters-not-asked',
    file: `${ELECTION}/quorum.js`,
    find: `return electorate.former ? [electorate, electorate.former] : [electorate];`,
    replace: `return [electorate];`,
    breaks: 'while the voters change, a majority of those before decides, too',
    // It fails only in a partition between a version and the change.
    test: ELECTION_TEST,
  },
  {
    name: 'candidate-keeps-its-own-state',
    file: `${ELECTION}/candidacy.js`,
    find: `if (newer && compareStamps(newer, this.#newest) > 0)`,
    replace: `if (newer && !this.#newest)`,
    breaks: 'the active master goes on from the newest state of all',
    masters: 2,
  },
  {
    name: 'voter-hides-what-it-keeps',
    file: BALLOT,
    find: `const newer = compareStamps(this.#accepted, has) > 0 ? this.#accepted : undefined;`,
    replace: `const newer = undefined;`,
    breaks: 'each voter tells the candidate the newest state that it keeps',
    masters: 2,
  },

  // --- one vote in an epoch
  {
    name: 'two-votes-in-an-epoch',
    file: BALLOT,
    find: `const isYes = epoch > this.#epoch && isFree;`,
    replace: `const isYes = epoch >= this.#epoch && isFree;`,
    breaks: 'one vote in an epoch',
    test: ELECTION_TEST,
  },
  {
    name: 'promise-forgotten-by-a-restart',
    file: BALLOT,
    find: `this.#epoch = epoch;
        this.#accepted = accepted;
        this.#boundUntil`,
    replace: `this.#epoch = accepted?.epoch ?? 0;
        this.#accepted = accepted;
        this.#boundUntil`,
    breaks: 'a master that is started again keeps what it promised',
    // The one that it voted for has to be elected, and to decide, while an older one is active and hears nothing of that.
    test: ELECTION_TEST,
  },
  {
    name: 'later-promise-not-kept',
    file: BALLOT,
    find: `const isYes = epoch >= this.#epoch && !isDoubted;`,
    replace: `const isYes = !isDoubted;`,
    breaks: 'who voted in a later term obeys no older one',
    masters: 2,
    // What an older master said has to come between a vote and the word of the one that was voted for.
    seeds: 1000,
  },
  {
    name: 'answers-before-it-is-saved',
    file: `${VOTING}/durable-ballot.js`,
    find: `await this.#safe();`,
    replace: `void this.#safe();`,
    breaks: 'what a master promised or keeps is on its disk before it answers',
    masters: 2,
    // A master has to die before its disk has what it said, and who else has that to be away.
    seeds: 1000,
  },

  // --- until when
  {
    name: 'bound-voter-votes',
    file: BALLOT,
    find: `const isFree = now >= this.#boundUntil || ended === this.#epoch;`,
    replace: `const isFree = true;`,
    breaks: 'a voter that is bound votes for nobody else',
    masters: 2,
  },
  {
    name: 'restarted-voter-is-free',
    file: `${VOTING}/voting-coordination.js`,
    find: `mayBeBound ? this.#runtime.now() + boundMs : -Infinity`,
    replace: `-Infinity`,
    breaks: 'a master that is started again may have been bound before',
    masters: 2,
    // It has to be the only voter that binds itself to the active master, and back at once.
    seeds: 1000,
  },
  {
    name: 'bound-for-longer-than-sure',
    file: `${ELECTION}/leadership.js`,
    find: `const TRUSTED_SHARE = 0.8;`,
    replace: `const TRUSTED_SHARE = 1.1;`,
    breaks: 'the active master counts on its voters only for as long as they are bound by any clock',
    masters: 2,
    // The clocks of the master and of its voters have to differ by nearly as much as they may.
    seeds: 1000,
  },
  {
    name: 'leases-after-the-term',
    file: 'packages/master/dist/core/master-core.js',
    find: `const mayGive = this.#now < this.#validUntil;`,
    replace: `const mayGive = true;`,
    breaks: 'invariant 1: a master renews leases only while no other can be active',
    masters: 2,
    // Who lost a majority has to reach a server whose slots the next one gives away.
    seeds: 1000,
  },

  // --- one order
  {
    name: 'epochs-count-for-nothing',
    file: BALLOT,
    find: `return compareVersions(a?.epoch ?? -1, a?.version ?? -1, b?.epoch ?? -1, b?.version ?? -1);`,
    replace: `return (a?.version ?? -1) - (b?.version ?? -1);`,
    breaks: 'states are ordered by the term of the master that proposed them, then by version',
    // Versions rise through all terms: it shows in few clusters.
    test: 'packages/common/dist/ballot.test.js',
  },
  {
    name: 'stale-master-fences',
    file: 'packages/master/dist/core/admission.js',
    find: `return validUntil !== Infinity && epoch > this.#versions.epoch;`,
    replace: `return false;`,
    breaks: 'a stale master fences nobody who follows a later one',
    masters: 2,
    // A server has to hear of the later term before the older master does.
    seeds: 1000,
  },
]
