import { entryCost } from '@icf/cache-server/core'
import type { Random } from '@icf/testkit/random'
import type { ClusterOptions } from './cluster.js'
import type { FaultOptions } from './faults.js'
import type { WorkloadOptions } from './workload.js'
import { randomWeather, type Weather } from './virtual/weather.js'

const KIB = 1024
const MIB = 1024 * KIB

/** Where memory is scarce there is room for so many entries of a usual size … */
const FEW_ENTRIES = 14
const MORE_ENTRIES = 56
/** … which is the mean of what is written there. */
const USUAL_COST = entryCost(8, 750)
const SCARCE = [
  [FEW_ENTRIES],
  [MORE_ENTRIES],
  [FEW_ENTRIES, MORE_ENTRIES],
  [FEW_ENTRIES, MORE_ENTRIES, MORE_ENTRIES],
]

/** How slow lines may be: so that copies take some time; and that long values still come in time. */
const LEAST_BYTES_PER_MS = 1_250
const LEAST_FOR_LONG_BYTES_PER_MS = 12_500

/** Shares of the writes that are long: they take most of the time that a seed takes. */
const FEW_LONG = 0.02
const MANY_LONG = 0.25

/** For what takes its time to be seen to, in ms. */
const PATIENCE_MS = 40_000

export interface Scenario {
  readonly cluster: ClusterOptions
  readonly faults: FaultOptions
  readonly workload: WorkloadOptions
  readonly weather: Weather
  /** At the beginning. */
  readonly servers: number
  readonly clients: number
  /** Calls that each client makes at once. */
  readonly lanes: number
  readonly faultyMs: number
}

/** What is not left to chance. */
export type ScenarioKind = Pick<ClusterOptions, 'masters'> &
  Pick<FaultOptions, 'isPatient'> &
  Pick<WorkloadOptions, 'givesUpWrites'> & {
    /** Many values are long, unless memory is scarce. */
    readonly writesLong: boolean
  }

/** A small cluster, since a seed has to be cheap: what goes wrong in large ones goes wrong in small ones. */
export function chooseScenario(
  random: Random,
  { isPatient, givesUpWrites, writesLong, masters }: ScenarioKind,
): Scenario {
  const machineCount = random.integer(2, 6)
  const mayEvict = random.chance(0.15)
  const hasSomeLong = !mayEvict && random.chance(0.1)
  const hasLong = hasSomeLong || (writesLong && !mayEvict)
  const pauseMs = random.pick([20, 60, 200])
  return {
    cluster: {
      masters,
      slotCount: random.chance(0.002) ? 16384 : random.pick([4, 16, 16, 64]),
      budgets: mayEvict ? random.pick(SCARCE).map((entries) => entries * USUAL_COST) : [64 * MIB],
      zones: random.pick([[''], ['a', 'b'], ['a', 'b', 'c']]),
    },
    faults: {
      everyMs: random.pick([150, 500, 1500]),
      maxServers: machineCount + 2,
      machines: Array.from({ length: machineCount }, (_, i) => `m${i}`),
      isHarsh: random.chance(0.6),
      isPatient,
    },
    workload: {
      sharedKeys: random.pick([2, 4, 8, 20, 60]),
      ballastKeys: random.pick([0, 20, 100]),
      ballastBytes: mayEvict
        ? random.pick([200, 2 * KIB])
        : random.pick([0, 200, 4 * KIB, 16 * KIB, 16 * KIB]),
      pauseMs,
      longShare: hasLong ? (writesLong ? MANY_LONG : FEW_LONG) : 0,
      longBytes: 600 * KIB,
      passingKeys: writesLong && !mayEvict ? 12 : 0,
      ttlShare: random.chance(0.2) ? 0.2 : 0,
      fastShare: random.chance(0.2) ? 0.1 : 0,
      manyShare: random.chance(0.5) ? 0.15 : 0,
      mayEvict,
      givesUpWrites,
    },
    weather: randomWeather(random, hasLong ? LEAST_FOR_LONG_BYTES_PER_MS : LEAST_BYTES_PER_MS),
    servers: random.integer(1, machineCount + 1),
    clients: random.integer(1, 4),
    lanes: pauseMs > 100 ? 6 : 3,
    faultyMs: random.between(2_000, 8_000) + (isPatient ? PATIENCE_MS : 0),
  }
}
