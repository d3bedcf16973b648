// Whatever breaks, pauses or is cut off: one master at a time is active, and what was in effect stays in effect.
import { compareStamps } from '@icf/common'
import { Random } from '@icf/testkit/random'
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BOUND_MS, descends, name, World } from './world.test.kit.js'

const SEEDS = 400
const TROUBLES = 30
/** All is well again for so long: then a master is active. */
const REST_MS = 10_000

type Trouble = (world: World, random: Random) => void

const pick = <T>(items: readonly T[], random: Random): T | undefined =>
  items.length > 0 ? random.pick(items) : undefined

const TROUBLES_BY_NAME: Record<string, Trouble> = {
  'a master dies': (world, random) => {
    const id = pick(
      world.masters.filter((master) => world.isUp(master)),
      random,
    )
    if (id) world.kill(id)
  },
  'the active master dies': (world) => {
    for (const id of world.valid) world.kill(id)
  },
  'masters come back': (world) => {
    for (const id of world.masters) if (!world.isUp(id)) world.start(id)
  },
  'a server dies, and a new one comes': (world, random) => {
    const id = pick(world.servers, random)
    if (id) world.kill(id)
    world.addServer()
  },
  'a master is started again': (world, random) => {
    const id = pick(
      world.masters.filter((master) => world.isUp(master)),
      random,
    )
    if (!id) return
    world.kill(id)
    world.start(id)
  },
  'the standbys are started again': (world) => {
    const active = world.valid
    for (const id of world.masters.filter((master) => world.isUp(master) && !active.includes(master))) {
      world.kill(id)
      world.start(id)
    }
  },
  'all servers are started again': (world) => {
    for (const id of world.servers) {
      world.kill(id)
      world.addServer()
    }
  },
  pause: (world, random) => {
    const id = pick(world.ids, random)!
    if (world.isUp(id)) world.pause(id)
  },
  'pause the active master': (world) => {
    for (const id of world.valid) world.pause(id)
  },
  resume: (world) => {
    for (const id of world.ids) if (world.isPaused(id)) world.resume(id)
  },
  'links are replaced by newer ones': (world, random) => {
    for (const master of world.masters)
      for (const voter of world.ids) if (voter !== master && random.chance(0.3)) world.replace(master, voter)
  },
  'one way cut': (world, random) => {
    const [from, to] = [pick(world.ids, random)!, pick(world.ids, random)!]
    if (from !== to) world.cut(from, to)
  },
  'cut off from some': (world, random) => {
    const id = pick(world.masters, random)!
    for (const other of world.ids) if (other !== id && random.chance(0.6)) for (const [a, b] of [[id, other], [other, id]] as const) world.cut(a, b) // prettier-ignore
  },
  'the active master hands over': (world, random) => {
    for (const id of world.valid) world.handOver(id, pick(world.masters, random)!)
  },
  'the active master hands over, and then its heir dies': (world, random) => {
    const [active] = world.valid
    const heir = pick(world.masters.filter((id) => id !== active && world.isUp(id)), random) // prettier-ignore
    if (active === undefined || heir === undefined) return
    world.handOver(active, heir)
    world.run(world.now + random.between(0, 30))
    if (world.isUp(heir)) world.kill(heir)
  },
  heal: (world) => world.heal(),
}

function runSeed(seed: number): World {
  const random = new Random(seed)
  const world = new World(random, random.integer(1, 4), random.integer(0, 5))
  const troubles = Object.values(TROUBLES_BY_NAME)
  world.run(2000)
  for (let i = 0; i < TROUBLES; i++) {
    pick(troubles, random)!(world, random)
    world.run(world.now + random.between(0, 1500))
  }
  TROUBLES_BY_NAME['heal']!(world, random)
  TROUBLES_BY_NAME['resume']!(world, random)
  TROUBLES_BY_NAME['masters come back']!(world, random)
  world.run(world.now + REST_MS)
  const before = world.agreed.length
  world.run(world.now + 3000)
  assert.ok(world.agreed.length > before, 'nothing takes effect, though all are connected')
  checkChain(world)
  return world
}

/** All that ever was in effect is one line. */
function checkChain({ agreed }: World): void {
  const inOrder = [...agreed].sort(compareStamps)
  for (let i = 1; i < inOrder.length; i++)
    assert.ok(descends(inOrder[i]!, inOrder[i - 1]!), `${name(inOrder[i]!)} undoes ${name(inOrder[i - 1]!)}`)
}

/** Two masters and three servers that are all voters, and which of the masters is active. */
function settled(seed: number): { world: World; active: string; standby: string } {
  const world = new World(new Random(seed), 2, 3, 0)
  world.run(5000)
  const [active] = world.valid
  assert.equal(world.agreed.at(-1)?.voters.length, 5)
  return { world, active: active!, standby: world.masters.find((id) => id !== active)! }
}

/** The active master has just ended its term for the heir, which does not know it yet. */
function endTerm(world: World, active: string, heir: string): void {
  world.handOver(active, heir)
  for (const end = world.now + BOUND_MS; world.now < end && world.valid.length > 0;) world.run(world.now + 1)
  assert.deepEqual(world.valid, [])
}

const termsOf = ({ agreed }: World): number => new Set(agreed.map(({ epoch }) => epoch)).size

describe('elections of masters', () => {
  it('a standby that does not hear the active master asks, and leaves it alone: the others do hear it', () => {
    const { world, active, standby } = settled(1)
    const terms = termsOf(world)
    world.cut(active, standby)
    world.cut(standby, active)
    world.run(world.now + 10_000)
    assert.equal(termsOf(world), terms)
    world.heal()
    world.run(world.now + 10_000)
    assert.equal(termsOf(world), terms)
  })

  it('the standby is active soon after the active master has died', () => {
    const { world, active, standby } = settled(2)
    world.kill(active)
    world.run(world.now + BOUND_MS + 500)
    assert.deepEqual(world.valid, [standby])
  })

  it('a master that hands over is followed by its heir long before its word binds nobody any more', () => {
    const { world, active, standby } = settled(5)
    const [terms, agreed] = [termsOf(world), world.agreed.length]
    world.handOver(active, standby)
    world.run(world.now + BOUND_MS / 6)
    assert.deepEqual(world.valid, [standby])
    assert.equal(termsOf(world), terms + 1)
    assert.ok(world.agreed.length > agreed)
    checkChain(world)
  })

  it('a master hands over to nobody who has died, and goes on', () => {
    const { world, active, standby } = settled(6)
    const terms = termsOf(world)
    world.kill(standby)
    world.handOver(active, standby)
    world.run(world.now + 1000)
    const agreed = world.agreed.length
    world.run(world.now + 1000)
    assert.deepEqual(world.valid, [active])
    assert.equal(termsOf(world), terms)
    assert.ok(world.agreed.length > agreed)
  })

  it('a master that has ended its term for one that dies then is active again itself', () => {
    const { world, active, standby } = settled(7)
    endTerm(world, active, standby)
    world.kill(standby)
    world.run(world.now + BOUND_MS + 1000)
    assert.deepEqual(world.valid, [active])
  })

  it('an heir of an earlier release takes over when it is not bound any more', () => {
    const { world, active, standby } = settled(8)
    for (const id of world.ids) world.makeOld(id)
    endTerm(world, active, standby)
    const { now } = world
    world.run(now + BOUND_MS / 2)
    assert.deepEqual(world.valid, [])
    world.run(now + 3 * BOUND_MS)
    assert.equal(world.valid.length, 1)
  })

  it('an active master that reaches no majority any more knows it before another one is active', () => {
    const { world, active, standby } = settled(3)
    for (const id of world.ids) if (id !== active) world.cut(active, id)
    world.run(world.now + 5000)
    assert.deepEqual(world.valid, [standby])
    const agreed = world.agreed.length
    world.heal()
    world.run(world.now + 2000)
    assert.deepEqual(world.valid, [standby])
    assert.ok(world.agreed.length > agreed)
  })

  it('an active master that reaches no server, but the standby, gives way to that, which reaches them', () => {
    const { world, active, standby } = settled(9)
    for (const id of world.servers) for (const [a, b] of [[id, active], [active, id]] as const) world.cut(a, b) // prettier-ignore
    world.run(world.now + 4 * BOUND_MS)
    assert.deepEqual(world.valid, [standby])
    const terms = termsOf(world)
    world.heal()
    world.run(world.now + 10_000)
    assert.deepEqual(world.valid, [standby])
    assert.equal(termsOf(world), terms)
  })

  it('an active master goes on with the standby where neither reaches any server', () => {
    const { world, active } = settled(10)
    const terms = termsOf(world)
    for (const id of world.servers)
      for (const master of world.masters) for (const [a, b] of [[id, master], [master, id]] as const) world.cut(a, b) // prettier-ignore
    world.run(world.now + 10_000)
    assert.deepEqual(world.valid, [active])
    assert.equal(termsOf(world), terms)
  })

  it('masters that were all started again go on, though no server of before is left', () => {
    const { world } = settled(4)
    for (const id of [...world.servers, ...world.masters]) world.kill(id)
    world.run(world.now + 1000)
    world.start('m1')
    world.run(world.now + 5000)
    assert.deepEqual(world.valid, [])
    world.start('m2')
    world.run(world.now + 5000)
    assert.equal(world.valid.length, 1)
  })

  it('never have two active ones, never undo what was in effect, and end when all are connected again', () => {
    let terms = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        terms += termsOf(runSeed(seed))
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
    assert.ok(terms > 2 * SEEDS, `only ${terms} terms in ${SEEDS} runs: too little happens`)
  })
})
