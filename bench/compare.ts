// `npm run bench`: drives an icf cluster and a Redis Cluster in turn and prints how they compare. See README.md.
import { cpus, loadavg, release } from 'node:os'
import { Children } from './children.js'
import { Client } from './client.js'
import type { Sample } from './load.js'
import { readOptions, VALUE_BYTES, type Cell } from './options.js'
import { redisClients, renderTable, summarize, type CellResult, type SystemName } from './report.js'
import { startIcf } from './systems/icf.js'
import { redisVersion, startRedis } from './systems/redis.js'
import type { System } from './systems/system.js'

interface Contender {
  readonly name: SystemName
  readonly system: System
  readonly client: Client
}

const options = readOptions(process.argv.slice(2))
const children = new Children()
try {
  const contenders = await startContenders()
  const machine = describeMachine(contenders)
  progress(machine)
  const results = await runRounds(contenders)
  if (options.json) console.log(JSON.stringify({ machine, options, results }))
  else console.log(`\n${renderTable(results)}\n${machine}`)
} catch (error) {
  console.error((error as Error).message)
  process.exitCode = 3
}
await children.stop()

async function startContenders(): Promise<Contender[]> {
  const contenders: Contender[] = []
  const add = async (name: SystemName, system: System): Promise<void> => {
    const client = await Client.start(name, system.addresses, options.keys, children, options.cpuProfileDir)
    progress(`${name}: loading ${options.keys} keys`)
    await client.preload()
    contenders.push({ name, system, client })
  }
  if (options.only !== 'redis') await add('icf', await startIcf(children, options.cpuProfileDir))
  if (options.only === 'icf') return contenders
  const version = await redisVersion()
  if (version === undefined) {
    const advice = 'redis-server and redis-cli are not installed: apt-get install redis-server redis-tools'
    if (options.only === 'redis') throw new Error(advice)
    progress(`${advice}\nRunning icf alone.`)
    return contenders
  }
  const redis = await startRedis(version, children)
  for (const client of redisClients) await add(client, redis)
  return contenders
}

/** Every round visits every case, and every case every system, so that a noisy minute hits all of them alike. */
async function runRounds(contenders: readonly Contender[]): Promise<CellResult[]> {
  const samples = options.cells.map(
    () => new Map<SystemName, Sample[]>(contenders.map(({ name }) => [name, []])),
  )
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, cell] of options.cells.entries()) {
      for (const contender of rotated(contenders, round)) {
        const sample = await measureCell(contender, cell, options.seed + round)
        samples[index]!.get(contender.name)!.push(sample)
        progress(
          `round ${round + 1}/${options.rounds}  ${cell.operation} ${String(cell.inFlight).padStart(3)}  ` +
            `${contender.name.padEnd(12)} ${Math.round(sample.opsPerSecond)} ops/s`,
        )
      }
    }
  }
  return options.cells.map((cell, index) => summarize(cell, samples[index]!))
}

function measureCell({ client, system }: Contender, cell: Cell, seed: number): Promise<Sample> {
  const measureMs = options.seconds * 1000
  const warmUpMs = Math.max(300, measureMs / 5)
  return client.measure({ ...cell, warmUpMs, measureMs, seed, serverPids: system.serverPids })
}

/** Whoever follows the hungriest system should not always be the same one. */
function rotated<T>(list: readonly T[], by: number): T[] {
  return list.map((_, index) => list[(index + by) % list.length]!)
}

function describeMachine(contenders: readonly Contender[]): string {
  const systems = [...new Set(contenders.map(({ system }) => system.version))]
  const model = cpus()[0]?.model.trim() ?? 'unknown processor'
  return [
    `node ${process.version}`,
    ...systems,
    `${cpus().length} × ${model}`,
    `${process.platform} ${release()}`,
    `load before ${loadavg()[0]!.toFixed(2)}`,
    `${VALUE_BYTES}-byte values, ${options.keys} keys, ${options.rounds} rounds of ${options.seconds} s`,
  ].join(' · ')
}

/** With --json, standard output is for the object alone. */
function progress(text: string): void {
  console.error(text)
}
