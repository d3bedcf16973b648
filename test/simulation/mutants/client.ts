import type { Mutant } from './mutant.js'

const CORE = 'packages/client/dist/core'

export const clientMutants: readonly Mutant[] = [
  {
    name: 'repetition-with-a-new-number',
    file: `${CORE}/peer.js`,
    find: `if (call.writeNumber === 0)`,
    replace: `if (true)`,
    breaks: 'a write that is sent again keeps its number, so that it is carried out once',
  },
  {
    name: 'repetition-not-marked',
    file: `${CORE}/peer.js`,
    find: `writeRepeat(writer, call.writeNumber);`,
    replace: `;`,
    breaks: 'a write is carried out once',
  },
  {
    name: 'unsettled-called-settled',
    file: `${CORE}/write-numbers.js`,
    find: `return this.#settledBelow;`,
    replace: `return this.#next;`,
    breaks: 'servers remember the writes that may be repeated',
  },
  {
    name: 'not-owner-dropped',
    file: `${CORE}/router.js`,
    find: `case 'NOT_OWNER':`,
    replace: `case 'NOT_OWNER':
                return;`,
    breaks: 'a call settles in time, whatever happens',
  },
  {
    name: 'unknown-outcome-called-none',
    file: `${CORE}/peer.js`,
    find: `for (const call of sent)
            call.maybeDone = true;`,
    replace: ``,
    breaks: 'invariant 3: what is said not to have happened has not',
  },
  {
    name: 'client-goes-back',
    file: 'packages/client/dist/shell/masters.js',
    find: `if (compareVersions(epoch, version, current.epoch, current.version) <= 0)
            return;`,
    replace: ``,
    breaks: 'invariant 5: nobody follows an older topology',
  },
  {
    name: 'client-fenced-by-version-alone',
    file: 'packages/client/dist/shell/masters.js',
    find: `if (compareVersions(epoch, version, current.epoch, current.version) <= 0)`,
    replace: `if (version <= current.version)`,
    breaks: 'invariant 5: topologies are ordered by epoch, then by version',
    // As at the server.
    test: 'packages/client/dist/failover.test.js',
  },
  {
    name: 'calls-of-a-lost-link-dropped',
    file: `${CORE}/router.js`,
    find: `for (const call of peer.reclaim())
            this.#routeAgain(call);`,
    replace: `peer.reclaim();`,
    breaks: 'a server that is killed causes no error',
  },

  // --- calls for many keys
  {
    name: 'only-the-first-failure-named',
    file: `${CORE}/group.js`,
    find: `const keys = failures.map(({ index }) => given[index]);`,
    replace: `const keys = failures.slice(0, 1).map(({ index }) => given[index]);`,
    breaks: 'of a call for many keys, what is not named by its error is done',
  },
  {
    name: 'many-failed-by-the-first-code',
    file: `${CORE}/group.js`,
    find: `failures.find((failure) => !failure.error.retryable) ?? failures[0];`,
    replace: `failures[0];`,
    breaks: 'of a call for many keys, TIMEOUT says that none of those that failed has taken effect',
    // Of one call a write has to fail unsent, and then one that was sent, done, not answered in time, and seen by somebody.
    seeds: 3000,
  },
  {
    name: 'many-values-in-the-order-of-answers',
    file: `${CORE}/group.js`,
    find: `this.#results[index] = value;`,
    replace: `this.#results[this.#results.length - this.#left] = value;`,
    breaks: 'values of many keys are in the order of the keys',
  },
  {
    name: 'first-of-the-same-key-sent',
    file: 'packages/client/dist/client.js',
    find: `lastOfKey.set(key, call);`,
    replace: `lastOfKey.set(key, lastOfKey.get(key) ?? call);`,
    breaks: 'of entries with the same key the last is stored',
  },
]
