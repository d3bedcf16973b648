import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { NONE } from '@icf/common'
import { SimCluster, type SimServer } from './cluster.js'
import { Network } from './virtual/network.js'
import { CALM } from './virtual/weather.js'
import { World } from './virtual/world.js'

const PATIENCE_MS = 30_000

/** Two servers, one of which is told to leave. */
class Departure {
  readonly #world = new World(1)
  readonly network = new Network(this.#world, CALM)
  readonly cluster = new SimCluster(this.network, {
    masters: 2,
    slotCount: 16,
    budgets: [16 * 1024 * 1024],
    zones: [''],
  })
  readonly leaves = this.cluster.startServer('machine-0')
  readonly stays = this.cluster.startServer('machine-1')

  static async start(): Promise<Departure> {
    const departure = new Departure()
    const { cluster, leaves } = departure
    await departure.until('the cluster is whole', () => cluster.isDoubled)
    leaves.process.turn('is told to leave', () => void leaves.running!.shutdown())
    await departure.until('all is handed over', () => hasAll(departure.stays))
    return departure
  }

  get hasSaid(): boolean {
    return this.cluster.keepingMachine === this.stays.process.machine
  }

  until(what: string, isDone: () => boolean): Promise<void> {
    return this.#world.until(what, isDone, PATIENCE_MS)
  }
}

/** By what it follows. */
function hasAll({ incarnation }: SimServer): boolean {
  const { servers, primary, transitions } = incarnation.core.slots.topology
  return transitions.size === 0 && primary.every((seat) => servers[seat]?.id === incarnation.id)
}

describe('the server to which all others leave everything', () => {
  it('has the only copy from when it says that it does, and not before', async () => {
    const departure = await Departure.start()
    assert.ok(!departure.hasSaid)
    await departure.until('it says so', () => departure.hasSaid)
    assert.ok(!departure.cluster.topology!.backup.includes(NONE), 'the others have theirs still')
  })

  it('has to say it again when the connection breaks over which it did', async () => {
    const departure = await Departure.start()
    const { cluster, network, stays } = departure
    await departure.until('it says so', () => departure.hasSaid)
    for (const socket of network.socketsBetween(stays.process, cluster.masters.acting.process))
      network.reset(socket)
    await departure.until('that counts no more', () => !departure.hasSaid)
    await departure.until('it says so again', () => departure.hasSaid)
  })

  it('has not the only copy any more when somebody joins', async () => {
    const departure = await Departure.start()
    const { cluster } = departure
    await departure.until('it says so', () => departure.hasSaid)
    cluster.startServer('machine-2')
    await departure.until('that counts no more', () => !departure.hasSaid)
    await departure.until('there are two copies again', () => cluster.isDoubled)
    assert.ok(!departure.hasSaid)
  })
})
