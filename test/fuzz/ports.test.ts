// Whole processes on a virtual network, and one that sends whatever it likes to their ports.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTopology, FRAME, MessageType, PROTOCOL_VERSION, type Message, type Socket } from '@icf/common'
import { encodeFrame } from '@icf/common/node'
import fc from 'fast-check'
import { SimCluster, type SimClient } from '../simulation/cluster.js'
import { Network } from '../simulation/virtual/network.js'
import { VirtualProcess } from '../simulation/virtual/process.js'
import { CALM } from '../simulation/virtual/weather.js'
import { World } from '../simulation/virtual/world.js'
import { readFrame } from '../simulation/words/message.js'
import { dataFrameOf } from './data-frames.js'
import { frameOf, Messages } from './frames.js'
import { fuzzing } from './runs.js'

const CLUSTER = 'sim'
const SLOTS = 16
const EPISODES_PER_RUN = 100
/** Few: most of them are refused, and what follows is not looked at any more. */
const FRAMES_PER_EPISODE = 3
const PATIENCE_MS = 30_000

const openers = ['client', 'admin', 'cache-server', 'probe', 'master'] as const
type Opener = (typeof openers)[number]

/** One connection, and what is sent on it. */
interface Episode {
  readonly port: 'master' | 'cache server'
  /** Undefined: what comes first is no proper introduction. */
  readonly as: Opener | undefined
  readonly frames: readonly Buffer[]
}

const topology = { ...emptyTopology({ virtualNodes: 32, seed: 7 }, SLOTS), epoch: 1, version: 2 }
const messages = new Messages({
  topology,
  keys: Array.from({ length: 30 }, (_, i) => `mad ${i}`),
  ids: ['f'.repeat(40), 'x', ''],
})

function said(port: Episode['port'], as: Opener | undefined): fc.Arbitrary<unknown[]> {
  if (as === undefined) return messages.hello(CLUSTER, ['client', 'cache-server', 'admin'])
  if (as === 'admin') return messages.admin()
  if (port === 'master') return messages.toMaster()
  return as === 'client' ? messages.commands() : messages.batch()
}

function episode(port: Episode['port'], as: Opener | undefined): fc.Arbitrary<Episode> {
  const usual = frameOf(said(port, as))
  const data =
    as === 'client' ? messages.commands() : as === 'cache-server' ? messages.batch() : messages.anyData()
  const frame = fc.oneof(
    { weight: 6, arbitrary: usual },
    { weight: 4, arbitrary: dataFrameOf(data) },
    { weight: 1, arbitrary: frameOf(messages.chunk()) },
    { weight: 1, arbitrary: frameOf(messages.any()) },
  )
  const frames = fc.array(frame, { minLength: 1, maxLength: FRAMES_PER_EPISODE, size: 'max' })
  return frames.map((list) => ({ port, as, frames: list }))
}

const anyEpisode = fc.oneof(
  ...(['master', 'cache server'] as const).flatMap((port) => [
    episode(port, undefined),
    ...openers.map((as) => episode(port, as)),
  ]),
)

class Lab {
  readonly #world = new World(1)
  readonly #network = new Network(this.#world, CALM)
  readonly #cluster = new SimCluster(this.#network, {
    masters: 1,
    slotCount: SLOTS,
    budgets: [16 * 1024 * 1024],
    zones: ['zone'],
  })
  readonly #mad = new VirtualProcess(this.#network, { name: 'mad', machine: 'mad-0' })
  #client!: SimClient
  #count = 0

  async start(): Promise<void> {
    for (const machine of ['machine-0', 'machine-1']) this.#cluster.startServer(machine)
    const starting = this.#cluster.startClient(PATIENCE_MS)
    void starting.then((client) => (this.#client = client))
    await this.#until('the cluster is whole', () => this.#client !== undefined && this.#cluster.isDoubled)
  }

  async run({ port, as, frames }: Episode): Promise<void> {
    const number = ++this.#count
    const address = port === 'master' ? { host: 'master', port: 7000 } : this.#cluster.servers[0]!.address
    const received: Message[] = []
    let isClosed = false
    let isOver = false
    this.#mad.turn('connects', () => {
      const socket: Socket = this.#mad.runtime.connect(address)
      socket.on('error', () => undefined)
      socket.on('message', (frame) => received.push(readFrame(frame)))
      socket.on('close', () => (isClosed = true))
      socket.on('open', () => {
        if (as) socket.send(encodeFrame(introduction(port, as, number)), FRAME)
        for (const frame of frames) socket.send(frame, FRAME)
      })
      this.#mad.runtime.setTimeout(() => {
        isOver = true
        socket.terminate()
      }, 30)
    })
    await this.#until('the episode is over', () => isOver || isClosed)
    if (isClosed && !isOver && as !== 'probe') this.#requireReason(received, port)
    await this.#requireService(number)
    assert.ok(this.#cluster.processes.length === 4, 'a process has ended')
  }

  /** Whoever is turned away is told why. */
  #requireReason(received: readonly Message[], port: Episode['port']): void {
    if (received.some(([type]) => type === MessageType.RELEASED)) return
    const refusal = received.at(-1)
    assert.equal(refusal?.[0], MessageType.REFUSED, `the ${port} said nothing before it closed`)
    assert.ok(String(refusal[2]).length > 10)
  }

  async #requireService(number: number): Promise<void> {
    let outcome: unknown
    this.#client.process.turn('calls', () => void this.#call(number).then((result) => (outcome = result)))
    await this.#until('the client is served', () => outcome !== undefined)
    assert.equal(outcome, 'right')
  }

  async #call(number: number): Promise<unknown> {
    const { client } = this.#client
    try {
      for (let i = 0; i < 2; i++) {
        const key = `sound ${(number + i) % 20}`
        await client.set(key, `value ${number}`)
        assert.equal(await client.get(key), `value ${number}`)
      }
      return 'right'
    } catch (error) {
      return error
    }
  }

  async #until(what: string, isDone: () => boolean): Promise<void> {
    let isReached = false
    await this.#world.run(this.#world.now + PATIENCE_MS, () => (isReached = isDone()))
    assert.ok(isReached, `within ${PATIENCE_MS} ms it does not happen that ${what}`)
  }
}

/** A server of no weight, which nobody depends on. */
function introduction(port: Episode['port'], as: Opener, number: number): Message {
  const id =
    as === 'cache-server' ? number.toString(16).padStart(40, '0') : as === 'client' ? `c${number}` : ''
  const member = ['mad-0', 7000 + number, 0, '', 0, 1e6, 0, 0, 'mad-0']
  const details = as !== 'cache-server' ? [] : port === 'master' ? member : [1]
  // What comes back is in the form of the version.
  const version = number % 2 === 0 ? 1 : PROTOCOL_VERSION
  return [MessageType.HELLO, version, as, CLUSTER, id, details]
}

test('whatever is sent to a port, before or after an introduction, is taken or refused with a reason, and nobody else notices', async () => {
  const episodes = fc.array(anyEpisode, { minLength: 1, maxLength: EPISODES_PER_RUN, size: 'max' })
  await fc.assert(
    fc.asyncProperty(episodes, async (list) => {
      const lab = new Lab()
      await lab.start()
      for (const each of list) await lab.run(each)
    }),
    fuzzing(0.07, (EPISODES_PER_RUN * FRAMES_PER_EPISODE) / 2),
  )
})
