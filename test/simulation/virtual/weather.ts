import type { Random } from '@icf/testkit/random'

const KIB = 1024

/** On one machine nothing is lost, and little is waited for. */
const LOCAL_MS = 0.03

const RETRANSMIT_MS = 200
const MAX_RETRANSMITS = 6

/** How the network behaves, the same everywhere. Times in milliseconds, probabilities from 0 to 1. */
export interface Weather {
  /** The shortest way from one machine to another. */
  readonly latencyMs: number
  /** What is added to it on average; the longer, the rarer. */
  readonly jitterMs: number
  readonly spikeChance: number
  readonly maxSpikeMs: number
  /** That a packet is lost and sent again, which holds up everything behind it. */
  readonly lossChance: number
  /** What is on its way and what the other end has not read, together: beyond that a sender waits. */
  readonly windowBytes: number
  readonly bytesPerMs: number
  /** That frames which can be read at once are, in one turn. */
  readonly joinChance: number
  /** That a kernel goes on to send what a process left behind which ended while the way was cut. */
  readonly orphanChance: number
  /**
   * How long a kernel sends the same again in vain, before it gives the connection up: a quarter of an hour in the world,
   * here up to a few seconds, as cuts are; each end so long or up to twice as long. Infinity: longer than all else.
   */
  readonly giveUpMs: number
}

/** For tests: nothing unusual. */
export const CALM: Weather = Object.freeze({
  latencyMs: 0.2,
  jitterMs: 0.05,
  spikeChance: 0,
  maxSpikeMs: 0,
  lossChance: 0,
  windowBytes: 256 * KIB,
  bytesPerMs: 125_000,
  joinChance: 0.5,
  orphanChance: 0,
  giveUpMs: Infinity,
})

/** @param leastBytesPerMs how slow lines may be */
export function randomWeather(random: Random, leastBytesPerMs: number): Weather {
  return {
    latencyMs: random.between(0.05, 1),
    jitterMs: random.between(0.01, 1),
    spikeChance: random.pick([0, 0.0001, 0.001]),
    maxSpikeMs: random.pick([5, 50, 400]),
    lossChance: random.pick([0, 0, 0.0001, 0.001]),
    windowBytes: (64 * KIB) << random.integer(0, 5),
    bytesPerMs: random.pick([leastBytesPerMs, 125_000, 1_250_000]),
    joinChance: random.pick([0, 0.5, 1]),
    orphanChance: random.pick([0, 0.5, 1]),
    giveUpMs: random.pick([Infinity, Infinity, 300, 1200]),
  }
}

/** How long one packet is on its way. */
export function delayMs(weather: Weather, random: Random, isLocal: boolean): number {
  if (isLocal) return LOCAL_MS * (1 + random.next())
  let delay = weather.latencyMs - weather.jitterMs * Math.log(1 - random.next())
  if (weather.spikeChance > 0 && random.chance(weather.spikeChance))
    delay += random.next() * weather.maxSpikeMs
  if (weather.lossChance === 0) return delay
  for (let times = 0; times < MAX_RETRANSMITS && random.chance(weather.lossChance); times++)
    delay += RETRANSMIT_MS << times
  return delay
}
