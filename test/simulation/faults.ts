import type { AnswerChecker } from './checkers/answers.js'
import type { SimCluster } from './cluster.js'
import { LastToStay } from './last-to-stay.js'
import { faultsOfMasters } from './masters/faults.js'
import { MasterTroubles } from './masters/master-troubles.js'
import { ReplacedPrimary } from './replaced-primary.js'
import { SlowWays } from './slow-ways.js'
import { LONGEST_MS, SEEN_TO_WITHIN_MS, Trouble, type Room } from './trouble.js'
import { UnheardHandover } from './unheard-handover.js'
import type { World } from './virtual/world.js'

export interface FaultOptions extends Room {
  /** Pause between two faults, in ms. */
  readonly everyMs: number
  /** Whether more may be wrong at once than one process or way. */
  readonly isHarsh: boolean
  /** Whether there is time for faults that last until the cluster has seen to them. */
  readonly isPatient: boolean
}

export interface Fault {
  /** How often it is chosen, beside the others. */
  readonly weight: number
  /** Whether it may destroy data together with anything else. */
  readonly isAlone?: boolean
  /** Whether calls may fail by it alone. */
  readonly isHarsh?: boolean
  /** Does it, if that is possible now. @returns for how long, in ms; undefined: not possible */
  begin(): number | undefined
}

/** What goes wrong, and when, as the seed decides. */
export class Faults {
  readonly counts: Record<string, number> = {}
  readonly #world: World
  readonly #trouble: Trouble
  readonly #all: readonly (readonly [string, Fault])[]
  /** When the last of those that run now is over. */
  #busyUntil = -Infinity
  #aloneUntil = -Infinity
  #isQuiet = false

  constructor(
    private readonly cluster: SimCluster,
    private readonly answers: AnswerChecker,
    private readonly options: FaultOptions,
  ) {
    this.#trouble = new Trouble(cluster, options)
    this.#world = cluster.network.world
    this.#all = Object.entries({
      ...this.#faults(),
      ...(cluster.masters.terms &&
        faultsOfMasters(new MasterTroubles(cluster, this.#trouble), this.#trouble)),
    })
    this.#schedule()
  }

  /** Ends all that is wrong, for good. */
  heal(): void {
    this.#isQuiet = true
    this.#world.log('--- quiet')
    this.#trouble.heal()
  }

  #schedule(): void {
    this.#world.after(this.#world.random.between(0.2, 1.8) * this.options.everyMs, () => {
      if (this.#isQuiet) return
      this.#something()
      this.#schedule()
    })
  }

  #something(): void {
    const { random, now } = this.#world
    if (now < this.#aloneUntil) return
    // Who was cut off may have to dial anew: until it is heard of again, that fault is not over.
    const isFree = !this.#isBusy && this.cluster.isDoubled && this.cluster.isHeardOf
    const mayBe = ({ isHarsh, isAlone }: Fault): boolean =>
      this.options.isHarsh ? isFree || !isAlone : isFree && !isHarsh
    const possible = this.#all.filter(([, fault]) => mayBe(fault))
    let choice = random.next() * possible.reduce((sum, [, { weight }]) => sum + weight, 0)
    const chosen = possible.find(([, { weight }]) => (choice -= weight) < 0)
    if (!chosen) return
    const [name, fault] = chosen
    this.#world.log(`--- ${name}?`)
    const ms = fault.begin()
    if (ms === undefined) return
    // What takes its time shows only when nothing else comes between.
    if (fault.isAlone || random.chance(0.4)) this.#aloneUntil = now + ms
    this.#world.log(`--- ${name} for ${ms.toFixed(0)} ms`)
    this.counts[name] = (this.counts[name] ?? 0) + 1
    // Two at once are more than the promise of no error is for.
    if (fault.isHarsh || !isFree) this.answers.excuse(Math.max(now + ms, this.#busyUntil))
    this.#busyUntil = Math.max(this.#busyUntil, now + ms)
  }

  /** Calls may fail until it has been seen to, and must not afterwards, though it lasts. */
  #cutForLong(): number | undefined {
    const ms = this.#trouble.cutForLong()
    if (ms !== undefined) this.answers.excuse(this.#world.now + SEEN_TO_WITHIN_MS)
    return ms
  }

  get #isBusy(): boolean {
    return this.#world.now < this.#busyUntil
  }

  #faults(): Record<string, Fault> {
    const { cluster } = this
    const { masters } = cluster
    const { random } = this.#world
    const trouble = this.#trouble
    const slow = new SlowWays(cluster, trouble)
    const replaced = new ReplacedPrimary(cluster, trouble)
    const unheard = new UnheardHandover(cluster, trouble)
    const last = new LastToStay(cluster, trouble)
    /** Only a state that a master keeps alone can be lost. */
    const loneWeight = (weight: number): number => (masters.loneDisk ? weight : 0)
    return {
      join: { weight: 3, begin: () => trouble.join() },
      leave: { weight: 2, begin: () => trouble.leave() },
      kill: { weight: 3, begin: () => trouble.kill((process) => process.kill()) },
      'kill in the middle': { weight: 2, begin: () => trouble.killInTheMiddle() },
      // What a silent server has is given to one that was heard of a moment ago: that must not be the one that goes.
      'power loss': { weight: 1, begin: () => (this.#isBusy ? undefined : trouble.losePower()) },
      'leave to one that dies': { weight: 2, isHarsh: true, isAlone: true, begin: () => last.begin() },
      'cut servers apart, then kill': { weight: 3, isHarsh: true, begin: () => trouble.cutThenKill() },
      'pause server': { weight: 2, begin: () => trouble.pause([trouble.server()?.process]) },
      'pause in the middle': {
        weight: 2,
        begin: () => trouble.pause([trouble.server()?.process], random.integer(0, 4)),
      },
      'pause in the middle, then cut off': { weight: 1, begin: () => trouble.pauseThenCut() },
      'pause several': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.pause(trouble.some(cluster.servers.map(({ process }) => process))),
      },
      'pause all servers': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.pause(cluster.servers.map(({ process }) => process)),
      },
      'pause everything': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.pause(cluster.processes),
      },
      'pause client': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.pause([trouble.client()?.process]),
      },
      'pause master': { weight: 1, isHarsh: true, begin: () => trouble.pause([masters.acting.process]) },
      'pause master in the middle': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.pause([masters.acting.process], random.integer(0, 6)),
      },
      'restart master': { weight: 2, begin: () => trouble.restartMaster((process) => process.kill()) },
      'restart master in the middle': {
        weight: 2,
        begin: () => trouble.restartMaster((process) => process.killMidTurn(random.integer(0, 6))),
      },
      'lose state': { weight: loneWeight(1), isAlone: true, begin: () => trouble.restartWithoutState() },
      // Whether slots were handed over only the next master can tell: calls to them wait for it.
      'lose state as it commits': {
        weight: loneWeight(1),
        isHarsh: true,
        isAlone: true,
        begin: () => trouble.restartMasterAsItCommits(true),
      },
      'lose state of an unheard handover': {
        weight: loneWeight(2),
        isHarsh: true,
        isAlone: true,
        begin: () => unheard.begin(),
      },
      'slow disk': { weight: 1, isHarsh: true, begin: () => trouble.slowDisk() },
      'pause server on a slow disk': { weight: 1, isHarsh: true, begin: () => trouble.pauseOnSlowDisk() },
      'full disk': { weight: 1, isHarsh: true, begin: () => trouble.fullDisk() },
      'reset link': { weight: 2, begin: () => trouble.reset() },
      'cut server off': {
        weight: 1,
        begin: () => trouble.cut([trouble.server()?.process], cluster.processes),
      },
      'cut server from master': {
        weight: 1,
        begin: () => trouble.cut([trouble.server()?.process], masters.processes),
      },
      'cut servers apart': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.cut([trouble.server()?.process], [trouble.server()?.process]),
      },
      'cut servers apart for long': {
        weight: this.options.isPatient ? 20 : 0,
        begin: () => this.#cutForLong(),
      },
      'cut server from clients': {
        weight: 1,
        isHarsh: true,
        begin: () =>
          trouble.cut(
            [trouble.server()?.process],
            cluster.clients.map(({ process }) => process),
          ),
      },
      'cut master off': {
        weight: 1,
        isHarsh: true,
        begin: () => trouble.cut([masters.acting.process], cluster.processes),
      },
      'cut the cluster in two': {
        weight: 1,
        isHarsh: true,
        begin: () => {
          const some = trouble.some(cluster.processes)
          return trouble.cut(
            some,
            cluster.processes.filter((process) => !some.includes(process)),
          )
        },
      },
      'cut server off with a client': {
        weight: 2,
        isHarsh: true,
        // For long enough that others take over, and have writers.
        begin: () => {
          const some = [trouble.server()?.process, trouble.client()?.process]
          const others = cluster.processes.filter((process) => !some.includes(process))
          return trouble.cut(some, others, random.between(LONGEST_MS / 3, LONGEST_MS))
        },
      },
      'silence two, of which one dies': {
        weight: 3,
        isHarsh: true,
        isAlone: true,
        begin: () => trouble.silenceTwo(),
      },
      'kill client': { weight: 1, begin: () => trouble.killClient() },
      'restart master as it commits': {
        weight: 2,
        isHarsh: true,
        begin: () => trouble.restartMasterAsItCommits(),
      },
      'slow way': { weight: 1, isHarsh: true, begin: () => slow.slow() },
      'slow way beside a broken one': { weight: 2, isHarsh: true, begin: () => slow.slowBesideBroken() },
      'slow way, then cut off': { weight: 2, isHarsh: true, begin: () => slow.slowThenCutOff() },
      'slow way while slots move': { weight: 3, isHarsh: true, begin: () => slow.slowWhileSlotsMove() },
      'slow way, then replace primary': {
        weight: 4,
        isHarsh: true,
        isAlone: true,
        begin: () => replaced.begin(),
      },
      'set wall clock': { weight: 1, begin: () => trouble.setWallClock() },
      flap: { weight: 1, isHarsh: true, begin: () => trouble.flap() },
    }
  }
}
