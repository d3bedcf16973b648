import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FRAME, SocketState, type Socket } from '@icf/common'
import { Random } from '@icf/testkit/random'
import { Network } from './network.js'
import { VirtualProcess } from './process.js'
import type { VirtualSocket } from './socket.js'
import { randomWeather } from './weather.js'
import { World } from './world.js'

const SEEDS = 60

/** One end of a connection, which numbers what it sends and checks what it sees. */
class End {
  sent = 0
  told = 0
  received = 0
  opened = 0
  closed = 0
  errors = 0

  constructor(
    readonly socket: Socket,
    readonly process: VirtualProcess,
  ) {
    socket.on('open', () => this.opened++)
    socket.on('error', () => {
      assert.equal(this.opened, 0, 'an error after it was open')
      this.errors++
    })
    socket.on('close', () => {
      assert.equal(socket.readyState, SocketState.CLOSED)
      assert.equal(this.closed++, 0, 'closed twice')
    })
    socket.on('message', (frame) => {
      assert.equal(this.closed, 0, 'a message after the close')
      assert.equal(frame.readUInt32BE(), this.received++, 'lost or out of order')
    })
  }

  send(bytes: number): void {
    if (this.socket.readyState !== SocketState.OPEN) return
    const frame = Buffer.alloc(4 + bytes)
    frame.writeUInt32BE(this.sent++)
    this.socket.send(frame, FRAME, () => this.told++)
  }
}

interface Outcome {
  readonly ends: readonly End[]
  readonly network: Network
  readonly a: VirtualProcess
  readonly b: VirtualProcess
}

/** Two machines, many connections, and everything that can happen to them for 20 seconds. */
async function makeTrouble(seed: number, isDeadly: boolean): Promise<Outcome> {
  const world = new World(seed)
  const random = new Random(seed + 1000)
  const weather = randomWeather(world.random, 12_500)
  const network = new Network(world, isDeadly ? weather : { ...weather, giveUpMs: Infinity })
  const ends: End[] = []
  const begin = (name: string): VirtualProcess => {
    const process = new VirtualProcess(network, { name, machine: `m${name}` })
    void process.runtime.listen({ host: process.machine, port: 1 }).then((server) => {
      server.onConnection = (socket) => {
        ends.push(new End(socket, process))
      }
    })
    return process
  }
  let [a, b] = [begin('a'), begin('b')]
  let deaths = 0
  const again = (): void => {
    if (!a.isAlive) a = begin('a')
    if (!b.isAlive) b = begin('b')
  }
  const connect = (): void => {
    const process = a
    process.turn('test', () => {
      const end = new End(process.runtime.connect({ host: 'mb', port: 1 }), process)
      ends.push(end)
      end.socket.on('open', () => end.send(0))
    })
  }
  const some = (run: (end: End) => void) => (): void => {
    const end = ends.length > 0 ? random.pick(ends) : undefined
    end?.process.turn('test', () => run(end))
  }
  const things: (() => void)[] = [
    connect,
    some((end) => end.send(random.integer(0, 200))),
    some((end) => {
      for (let i = random.integer(1, 10); i > 0; i--) end.send(random.integer(0, 100_000))
    }),
    some((end) => end.socket.readyState === SocketState.OPEN && end.socket.ping()),
    some((end) => end.socket.pause()),
    some((end) => end.socket.resume()),
    () => random.pick([a, b]).stop(random.chance(0.5)),
    () => random.pick([a, b]).stopMidTurn(random.integer(0, 5)),
    () => [a, b].forEach((process) => process.goOn()),
    () => network.cut(a, b, { oneWay: random.chance(0.5) }),
    () => network.cut('mb', 'ma', { oneWay: random.chance(0.5) }),
    () => network.healAll(),
  ]
  const deadly: (() => void)[] = [
    some((end) => end.socket.close()),
    some((end) => end.socket.terminate()),
    some((end) => network.reset(end.socket as VirtualSocket)),
    () => deaths++ < 3 && random.pick([a, b]).kill(),
    () => deaths++ < 3 && random.pick([a, b]).killMidTurn(random.integer(0, 5)),
    () => deaths++ < 3 && network.machineDown(random.pick(['ma', 'mb'])),
    again,
  ]
  const happen = (): void => {
    if (world.now > 20_000) return
    if (isDeadly && random.chance(0.15)) random.pick(deadly)()
    else random.pick(things)()
    world.after(random.between(0, 40), happen)
  }
  world.after(1, happen)
  // Also what was to happen in the middle of the next turn has happened after a while.
  for (const untilMs of [21_000, 22_000, 23_000]) {
    await world.run(untilMs)
    again()
    network.healAll()
    for (const process of [a, b]) process.goOn()
    for (const end of ends) end.process.turn('test', () => end.socket.resume())
  }
  await world.run(60_000)
  // Whoever has not heard that the other is gone learns it now.
  for (const end of ends) end.process.turn('test', () => end.send(0))
  await world.run(120_000)
  return { ends, network, a, b }
}

describe('virtual connections in trouble', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`lose nothing while both processes live (${seed})`, async () => {
      const { ends } = await makeTrouble(seed, false)
      const isOpen = (end: End): boolean => end.socket.readyState === SocketState.OPEN
      const total = (count: (end: End) => number): number => ends.reduce((sum, end) => sum + count(end), 0)
      for (const end of ends) {
        assert.ok(isOpen(end) || end.errors === 1, 'open, or never connected')
        assert.equal(end.told, end.sent)
        assert.equal(end.socket.bufferedAmount, 0)
      }
      assert.equal(
        total((end) => end.received),
        total((end) => end.sent),
      )
    })

    it(`end at both ends, if at one (${seed})`, async () => {
      const { ends, network, a, b } = await makeTrouble(seed, true)
      const near = network.socketsBetween(a, b)
      const far = network.socketsBetween(b, a)
      const states = near.map((socket, index) => `${socket.readyState} ${far[index]!.readyState}`)
      const isBoth = (state: string): boolean => state === `${SocketState.OPEN} ${SocketState.OPEN}`
      // Who waits for the other while it connects need not hear that it is gone: a timeout is for that.
      const isUnknown = (state: string): boolean =>
        state === `${SocketState.CLOSED} ${SocketState.CONNECTING}` ||
        state === `${SocketState.CONNECTING} ${SocketState.CLOSED}`
      assert.deepEqual(
        states.filter((state) => !isBoth(state) && !isUnknown(state)),
        [],
      )
      const open = new Set<Socket>(
        [...near, ...far].filter(({ readyState }) => readyState === SocketState.OPEN),
      )
      for (const { process, socket, closed, told, sent } of ends) {
        if (!process.isAlive) continue
        if (socket.readyState === SocketState.CONNECTING) continue
        assert.equal(socket.readyState, open.has(socket) ? SocketState.OPEN : SocketState.CLOSED)
        assert.equal(closed, open.has(socket) ? 0 : 1)
        assert.equal(told, sent)
      }
    })
  }
})
