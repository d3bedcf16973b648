import type { Mutant } from './mutant.js'

const CORE = 'packages/master/dist/core'

export const masterMutants: readonly Mutant[] = [
  // --- versions and terms
  {
    name: 'publishes-before-it-is-safe',
    file: 'packages/master/dist/shell/commit-pump.js',
    find: `await this.#term.commit(pending.state);`,
    replace: `this.#term.commit(pending.state).catch(() => undefined);`,
    breaks: 'invariant 6: a version is published only after the state file holds it',
  },
  {
    name: 'term-not-told-from-the-last',
    file: `${CORE}/versions.js`,
    find: `this.#changes = new Changes(stored, epoch);`,
    replace: `this.#changes = new Changes(stored, stored.epoch || epoch);`,
    breaks: 'a restarted master goes on in a later term',
  },
  {
    name: 'every-version-known',
    file: `${CORE}/versions.js`,
    find: `isKnown(epoch, version) {`,
    replace: `isKnown(epoch, version) {
        return true;`,
    breaks: 'what a lost state would have led to is never taken for what the new line of versions has',
  },
  {
    name: 'term-begins-without-waiting',
    file: `${CORE}/inheritance.js`,
    find: `return this.#waiting.size > 0 && (now >= this.#decideAt || this.#hasHeardAll());`,
    replace: `return this.#waiting.size > 0;`,
    breaks: 'a lost state is found again',
  },
  {
    name: 'oldest-topology-inherited',
    file: `${CORE}/inheritance.js`,
    find: `if (!this.#newest || isNewer(topology, this.#newest))`,
    replace: `if (!this.#newest || isNewer(this.#newest, topology))`,
    breaks: 'the restarted master goes on with the newest topology among the servers',
    // The state has to be lost while who gave a slot away does not know it yet, and who got it has answered a write.
    seeds: 3000,
  },
  {
    name: 'version-in-flight-survives-an-adoption',
    file: `${CORE}/versions.js`,
    find: `this.#isInFlightVoid = this.#inFlight !== undefined;`,
    replace: `this.#isInFlightVoid = false;`,
    breaks: 'the master goes on with the newest topology among the servers',
    // A version has to be on its way to the disk when a server tells of a newer one: about one seed in two thousand.
    test: `${CORE}/inheritance.test.js`,
  },

  // --- leases
  {
    name: 'dead-before-the-lease-is-over',
    file: `${CORE}/silence.js`,
    find: `this.#deadAfterMs = timing.deadAfterMs;`,
    replace: `this.#deadAfterMs = timing.leaseMs / 2;`,
    breaks: 'invariant 1: the lease is over before a backup is promoted',
  },
  {
    name: 'returned-member-gets-its-lease-at-once',
    file: `${CORE}/master-core.js`,
    find: ` && version >= member.mustFollow)`,
    replace: `)`,
    breaks: 'who comes back gets no lease before it follows the version in which slots were taken from it',
    // A silent server has to be back while the version that takes its slots is being made safe.
    test: `${CORE}/absence.test.js`,
  },
  {
    name: 'no-answer-counts-as-gone',
    file: `${CORE}/suspicion.js`,
    find: `if (!isGone) {`,
    replace: `if (false) {`,
    breaks: 'invariant 1: only a refused connection, or another process in its place, is the proof',
  },

  // --- silence and death
  {
    name: 'silence-takes-the-last-copy',
    file: `${CORE}/absence.js`,
    find: `const holdsNothing = (id) => held[seatOf(draft, id)] === 0 && (heldInEffect[seatOf(inEffect, id)] ?? 0) === 0;`,
    replace: `const holdsNothing = () => true;`,
    breaks: 'silence alone destroys nothing',
  },
  {
    name: 'silent-server-promoted',
    file: `${CORE}/slots.js`,
    find: `if (silent.has(primary) && present.has(backup)) {`,
    replace: `if (silent.has(primary) && backup !== NONE) {`,
    breaks: 'a slot goes only to a server that is heard of at that time',
    // Two servers have to be silent, and the one that was longer to be all that is left.
    seeds: 1000,
  },
  {
    name: 'dead-server-promoted',
    file: `${CORE}/slots.js`,
    find: `if (hasLostBackup)
            draft.setBackup(slot, NONE);
        if (dead.has`,
    replace: `if (dead.has`,
    breaks: 'backups are promoted, none that died with the primary',
  },
  {
    name: 'incomplete-copy-promoted',
    file: `${CORE}/slots.js`,
    find: `if (heir !== NONE) {`,
    replace: `if (heir !== NONE && receiver === NONE) {`,
    breaks: 'a slot goes to another server that has all of it',
  },

  {
    name: 'fenced-before-it-is-decided',
    file: `${CORE}/membership.js`,
    find: `if (this.isEnding(hello.id))`,
    replace: `if (false)`,
    breaks: 'who is declared dead is told so only when that is in effect',
    test: `${CORE}/absence.test.js`,
  },
  {
    name: 'last-copy-goes-unasked',
    file: `${CORE}/reconciler.js`,
    find: `return drops.filter(({ slot }) => follows[draft.primary[slot]]);`,
    replace: `return draft.version > from ? drops : [];`,
    breaks: 'the last copy stays until the one that stays has said that it follows',
    // Its machine has to lose power between two heartbeats: few seeds have that.
    test: `${CORE}/leaving.test.js`,
  },
  {
    name: 'word-outlives-its-connection',
    file: `${CORE}/membership.js`,
    find: `member.link = undefined;
        member.follows = 0;`,
    replace: `member.link = undefined;`,
    breaks:
      'the last copy stays until the one that stays has said that it follows, over a connection that still stands',
    // It has to die within the 100 ms until the version after that.
    test: `${CORE}/leaving.test.js`,
  },
  {
    name: 'deaths-forgotten-by-a-restart',
    file: `${CORE}/departures.js`,
    find: `this.#hasAnyoneDied = hasAnyoneDied;`,
    replace: `this.#hasAnyoneDied = false;`,
    breaks: 'who becomes the last by a death stays, though it was told to end',
    // The master has to be started again while that one is alone.
    test: `${CORE}/leaving.test.js`,
  },

  // --- servers that do not reach each other, which every 64th seed has
  {
    name: 'cut-servers-share-slots',
    file: `${CORE}/reachability.js`,
    find: `this.#believed.set(key, pair);`,
    replace: ``,
    breaks: 'two servers that can not reach each other share no slot any more',
    seeds: 1000,
  },
  {
    name: 'isolated-server-replaced-at-once',
    file: `${CORE}/silence.js`,
    find: `this.#leaseOverMs : this.#deadAfterMs`,
    replace: `0 : this.#deadAfterMs`,
    breaks: 'invariant 1: a backup is promoted when the lease of its primary is over',
    seeds: 3000,
  },
  {
    name: 'isolated-server-keeps-its-lease',
    file: `${CORE}/master-core.js`,
    find: `if (this.#isToHandOver(member))`,
    replace: `if (false)`,
    breaks: 'a server that reaches none of the others gets no lease until its slots are taken over',
    // One server has to be cut off from all others, who hold what it has, for long enough that calls run out of time.
    seeds: 3000,
  },

  // --- moving
  {
    name: 'late-report-believed',
    file: `${CORE}/slots.js`,
    find: `transition.since === since &&`,
    replace: ``,
    breaks: 'since in transition and report keeps an older report from being taken for the present one',
    // A copy has to be begun anew while the report of the one before is on its way.
    seeds: 3000,
  },
  {
    name: 'copies-on-one-machine',
    file: 'packages/common/dist/placement/fleet.js',
    find: `return fleet.groups[a] !== fleet.groups[b];`,
    replace: `return a !== b;`,
    breaks: 'the two copies of a slot are on two machines',
  },
]
