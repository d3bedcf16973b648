import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CommandCode, keySlot, limits, MessageType, NONE, SLOT_COUNT, type ErrorCode } from '@icf/common'
import { commandsOf, dataOf, type Command } from '@icf/testkit/frames'
import type { RecordingPort } from '@icf/testkit/recording-port'
import fc from 'fast-check'
import { errorResult } from '../fake-cluster.test.kit.js'
import type { Peer } from './peer.js'
import { RouterHarness, type Outcome } from './router-harness.test.kit.js'

const NAMES = ['a', 'b', 'c', 'd', 'e']
const DEADLINE_MS = 300

type Step =
  | { do: 'submit'; code: CommandCode; key: number; isLarge: boolean }
  | { do: 'flush' | 'stage' }
  | { do: 'answer'; server: number; how: 'value' | ErrorCode; share: number }
  | { do: 'open' | 'lose'; server: number }
  | { do: 'topology'; gone: number; salt: number; unowned: boolean; leaving: boolean }
  | { do: 'advance'; ms: number }

const server = fc.nat({ max: NAMES.length - 1 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      code: fc.constantFrom(...Object.values(CommandCode)),
      key: fc.nat({ max: 50 }),
      isLarge: fc.nat({ max: 9 }).map((n) => n === 0),
    }),
  },
  { weight: 4, arbitrary: fc.constantFrom<Step>({ do: 'flush' }, { do: 'stage' }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('answer' as const),
      server,
      how: fc.constantFrom<'value' | ErrorCode>('value', 'value', 'NOT_OWNER', 'OWNER_CHANGED', 'BUSY'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('open' as const, 'lose' as const), server }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('topology' as const),
      gone: fc.nat({ max: 31 }),
      salt: fc.nat({ max: 1000 }),
      unowned: fc.boolean(),
      leaving: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: fc.nat({ max: 400 }) }) },
)

/** The world around a router: which links are open, and what each has been sent but has not answered. */
class World {
  readonly harness: RouterHarness
  readonly calls: { outcome: Outcome; untilMs: number }[] = []
  #version = 0
  #owner: (slot: number) => number = () => 0
  #present = NAMES
  /** A server that is shut down and one that comes back under its name have a link each. */
  readonly #open = new Map<Peer, { link: RecordingPort; seenFrames: number; unanswered: Command[] }>()

  constructor(private readonly slotCount: number) {
    this.harness = new RouterHarness({}, slotCount)
    this.follow({ gone: 0, salt: 0, unowned: false, leaving: false })
  }

  run(step: Step): void {
    switch (step.do) {
      case 'submit': {
        const value = step.isLarge ? Buffer.alloc(limits.chunkBytes + 1) : 'v'
        const outcome = this.harness.submit(step.code, `key ${step.key}`, DEADLINE_MS, value)
        this.calls.push({ outcome, untilMs: this.harness.nowMs + DEADLINE_MS })
        break
      }
      case 'flush':
        this.harness.flush()
        break
      case 'stage':
        this.stage()
        break
      case 'answer':
        this.answer(NAMES[step.server]!, step.how, step.share)
        break
      case 'open':
        this.open(NAMES[step.server]!)
        break
      case 'lose':
        for (const peer of this.#peersOf(NAMES[step.server]!)) this.#lose(peer)
        break
      case 'topology':
        this.follow(step)
        break
      case 'advance':
        this.harness.advance(step.ms)
    }
    this.#disconnect()
    this.#check()
  }

  open(name: string): void {
    const peer = this.harness.peers.get(name)
    if (!peer || this.#open.has(peer) || !this.#present.includes(name)) return
    this.#open.set(peer, { link: this.harness.open(name), seenFrames: 0, unanswered: [] })
  }

  #peersOf(name: string): Peer[] {
    return [...this.#open.keys()].filter(({ server: { id } }) => id === name)
  }

  #lose(peer: Peer): void {
    if (this.#open.delete(peer)) this.harness.router.lost(peer)
  }

  follow({ gone, salt, unowned, leaving }: Omit<Extract<Step, { do: 'topology' }>, 'do'>): void {
    // Whoever is gone comes back under the same name only in this test; seats stay the same.
    const names = NAMES.map((name, i) => ((gone >> i) & 1 ? undefined : name))
    const seats = names.flatMap((name, seat) => (name ? [seat] : []))
    this.#owner = (slot) =>
      seats.length === 0 || (unowned && slot % 7 === 0) ? NONE : seats[(slot + salt) % seats.length]!
    this.#present = names.filter((name) => name !== undefined)
    this.#version++
    this.harness.follow(names, this.#owner, leaving ? 'leaving' : 'active')
    this.#disconnect()
  }

  stage(): void {
    for (const { link } of this.#open.values()) {
      const staged = link.staging.shift()
      staged?.ready({ id: 1 })
    }
  }

  answer(name: string, how: 'value' | ErrorCode, share: number): void {
    this.#check()
    for (const peer of this.#peersOf(name)) {
      const { unanswered } = this.#open.get(peer)!
      const count = Math.ceil(unanswered.length * share)
      // From the end, so that answers come out of order.
      for (const { id, code } of unanswered.splice(unanswered.length - count)) {
        const result =
          how === 'value' ? valueFor(code) : errorResult(how, { epoch: 1, version: this.#version })
        this.harness.router.receive(peer, dataOf([MessageType.RESULTS, id, 1, result]))
      }
    }
    this.#disconnect()
  }

  /** Links that the router had cut. */
  #disconnect(): void {
    for (const peer of this.harness.disconnected.splice(0)) this.#open.delete(peer)
    for (const peer of this.harness.reconnected.splice(0)) this.#lose(peer)
  }

  /** What was sent since the last look went to the owner by the topology it names, with free ids. */
  #check(): void {
    for (const [{ server }, open] of this.#open) {
      for (const frame of open.link.sent.slice(open.seenFrames)) {
        for (const command of commandsOf(frame)) {
          const { id, args } = command
          assert.ok(
            open.unanswered.every((other) => other.id !== id),
            `id ${id} is in use`,
          )
          open.unanswered.push(command)
          // A value that was sent ahead: meanwhile there may be another topology.
          if (typeof args[1] === 'object') continue
          assert.equal(frame[2], this.#version)
          assert.equal(NAMES[this.#owner(keySlot(args[0] as string, this.slotCount))], server.id)
        }
      }
      open.seenFrames = open.link.sent.length
    }
    for (const { outcome, untilMs } of this.calls)
      assert.ok(outcome.settled || this.harness.nowMs < untilMs, 'a call outlived its deadline')
  }

  /** Everything works from now on: whatever is pending must succeed before its deadline. */
  heal(): void {
    this.follow({ gone: 0, salt: 0, unowned: false, leaving: false })
    for (let round = 0; round < 50 && this.harness.router.pendingCount > 0; round++) {
      for (const name of NAMES) this.open(name)
      this.harness.flush()
      for (let i = 0; i < 20; i++) this.stage()
      for (const name of NAMES) this.answer(name, 'value', 1)
      this.harness.advance(20)
    }
  }
}

function valueFor(code: number): unknown {
  if (code === CommandCode.GET || code === CommandCode.TTL) return null
  return true
}

/** A server that is shut down still owes an answer when one of its name comes, goes and comes again. */
const COMES_BACK: Step[] = [
  { do: 'open', server: 1 },
  { do: 'topology', gone: 0, salt: 0, unowned: false, leaving: true },
  { do: 'submit', code: CommandCode.GET, key: 47, isLarge: false },
  { do: 'flush' },
  { do: 'topology', gone: 0b10, salt: 0, unowned: false, leaving: false },
  { do: 'topology', gone: 0, salt: 0, unowned: false, leaving: false },
  { do: 'topology', gone: 0b10, salt: 0, unowned: false, leaving: false },
]

for (const slotCount of [SLOT_COUNT, 64, 16])
  test(`whatever happens, each call settles once, within its deadline, and what is sent goes to the owner (${slotCount} slots)`, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 10, maxLength: 150 }), (steps) => {
        const world = new World(slotCount)
        for (const step of steps) world.run(step)
        const pending = world.calls.filter(({ outcome }) => !outcome.settled)
        world.heal()
        for (const { outcome } of world.calls) assert.ok(outcome.settled)
        for (const { outcome, untilMs } of pending)
          if (untilMs > world.harness.nowMs)
            assert.equal(outcome.error, undefined, 'a healthy cluster, and yet an error')
        const { pendingCount, pendingBytes } = world.harness.router
        assert.deepEqual({ pendingCount, pendingBytes }, { pendingCount: 0, pendingBytes: 0 })
      }),
      { numRuns: slotCount === SLOT_COUNT ? 300 : 150, examples: [[COMES_BACK]] },
    )
  })
