import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MasterInfo, Topology } from '@icf/common'
import { Seats } from './seats.js'
import { NOTHING, type Sight } from './view.js'

const DEAD_AFTER_MS = 1500

class World {
  at = 0
  readonly seats = new Seats({ now: () => this.at }, DEAD_AFTER_MS)

  inEffect(...masters: MasterInfo[]): void {
    this.seats.inEffect({ masters } as unknown as Topology)
  }

  next(sight: Sight, isConnected = true): string[] | undefined {
    return this.seats.next(sight, () => isConnected)?.map(({ id }) => id)
  }
}

function info(id: string, port = 7000): MasterInfo {
  return { id, host: id.charAt(0), port, httpPort: 0, machine: '' }
}

function sight(seats: MasterInfo[], present: MasterInfo[]): Sight {
  return { ...NOTHING, seats, present: new Map(present.map((one) => [`${one.host}:${one.port}`, one])) }
}

test('a master that comes has a seat once it has been listed for longer than any lease lasts', () => {
  const world = new World()
  const [a, b] = [info('a'), info('b')]
  const seen = sight([a], [a, b])
  world.inEffect(a)
  world.at = 10_000
  assert.equal(world.next(seen), undefined)
  world.inEffect(a, b)
  world.at += DEAD_AFTER_MS - 1
  assert.equal(world.next(seen), undefined)
  world.at++
  assert.equal(world.next(seen, false), undefined)
  assert.deepEqual(world.next(seen), ['a', 'b'])
})

test('leases of a cluster with longer ones are waited for, and each term waits anew', () => {
  const world = new World()
  const [a, b] = [info('a'), info('b')]
  world.inEffect(a, b)
  world.at = 1000
  world.seats.began({ masters: [a, b] } as unknown as Topology, 3000)
  world.at += 2999
  assert.equal(world.next(sight([a], [a, b])), undefined)
  world.at++
  assert.deepEqual(world.next(sight([a], [a, b])), ['a', 'b'])
})

test('a seat is kept while nobody is there, and is that of whoever is at its address', () => {
  const world = new World()
  const [a, b, again] = [info('a'), info('b'), info('b again')]
  assert.equal(world.next(sight([a, b], [a])), undefined)
  assert.deepEqual(world.next(sight([a, b], [a, again])), ['a', 'b again'])
})

test('all are listed that have a seat or are there, each address once', () => {
  const world = new World()
  const [a, b, again, c] = [info('a'), info('b'), info('b again'), info('c')]
  const listed = world.seats.listed(sight([a, b], [a, again, c]), a)
  assert.deepEqual(listed.map(({ id }) => id), ['a', 'b again', 'c']) // prettier-ignore
})
