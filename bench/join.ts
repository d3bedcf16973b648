import { connect, type Client } from '@icf/client'
import { Random } from '@icf/testkit/random'
import { createHistogram } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { IcfProcesses } from './icf-processes.js'
import { benchKeys, benchValues } from './load.js'

/**
 * What live calls notice of a fourth cache server that joins: how many are answered, and after how long, before and
 * meanwhile; and how fast the data moves: `npm run bench:join -- --rounds 3`. Every call must succeed.
 */

const MIB = 1024 ** 2

/** For how long calls are counted before the join. */
const BEFORE_MS = 2000

interface Figures {
  readonly perSecond: number
  /** In ms. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    keys: { type: 'string', default: '150000' },
    bytes: { type: 'string', default: '1000' },
    lanes: { type: 'string', default: '16' },
  },
})
const keys = benchKeys(Number(values.keys))
const contents = benchValues(Number(values.bytes))

async function measure(): Promise<void> {
  const cluster = await IcfProcesses.start({ servers: 3, serverOptions: ['--max-memory', '1gb'] })
  await cluster.settled()
  const cache = await connect({ masters: cluster.masters, connectTimeoutMs: 30_000 })
  for (let at = 0; at < keys.length; at += 500)
    await Promise.all(
      keys.slice(at, at + 500).map((key, i) => cache.set(key, contents[i % contents.length]!)),
    )
  const load = new Load(cache)
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS))
  load.take()
  await new Promise((resolve) => setTimeout(resolve, BEFORE_MS))
  const before = load.take()
  const { bytes = 0, ms = 0 } = await cluster.join(() => load.take())
  const meanwhile = load.take()
  await load.stop()
  console.log(line('before', before, ''))
  console.log(line('meanwhile', meanwhile, `${(bytes / MIB).toFixed(0)} MiB in ${(ms / 1000).toFixed(1)} s`))
  console.log(`| share | ${Math.round((100 * meanwhile.perSecond) / before.perSecond)} % | | | | |`)
  await cache.close()
  await cluster.end()
}

/** Calls that go on until they are told to stop: each lane stores a value and reads another, at random. */
class Load {
  readonly #random = new Random(1)
  readonly #times = createHistogram()
  #since = performance.now()
  #isOver = false
  readonly #lanes: Promise<unknown>

  constructor(private readonly cache: Client) {
    this.#lanes = Promise.all(Array.from({ length: Number(values.lanes) }, () => this.#lane()))
  }

  /** What was answered since the last time that this was called. */
  take(): Figures {
    const [now, times] = [performance.now(), this.#times]
    const figures = {
      perSecond: (times.count / (now - this.#since)) * 1000,
      p50: times.percentile(50) / 1e6,
      p99: times.percentile(99) / 1e6,
      longest: times.max / 1e6,
    }
    times.reset()
    this.#since = now
    return figures
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#lanes
  }

  async #lane(): Promise<void> {
    while (!this.#isOver) {
      const stored = this.#random.integer(0, keys.length)
      await this.#timed(() => this.cache.set(keys[stored]!, contents[stored % contents.length]!))
      const value = await this.#timed(() => this.cache.get(keys[this.#random.integer(0, keys.length)]!))
      if (value === undefined) throw new Error('a key was missed: it may have been evicted')
    }
  }

  async #timed<T>(call: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    const result = await call()
    this.#times.record(Math.max(1, Math.round((performance.now() - startedAt) * 1e6)))
    return result
  }
}

function line(what: string, { perSecond, p50, p99, longest }: Figures, moved: string): string {
  return `| ${what} | ${perSecond.toFixed(0)} | ${p50.toFixed(1)} ms | ${p99.toFixed(0)} ms | ${longest.toFixed(0)} ms | ${moved} |`
}

console.log('| | calls/s | p50 | p99 | longest | moved |')
console.log('|---|---|---|---|---|---|')
for (let round = 0; round < Number(values.rounds); round++) await measure()
