// The client beside a master and a cache server that have gone mad: every call ends, and goes well again once they are sane.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectOn, type Client } from '@icf/client/shell'
import {
  CommandCode,
  encodeTopology,
  FRAME,
  IcfError,
  isDataType,
  MessageType,
  PROTOCOL_VERSION,
  type Address,
  type Message,
  type Socket,
} from '@icf/common'
import { encodeFrame } from '@icf/common/node'
import { commandsOf, dataOf } from '@icf/testkit/frames'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import fc from 'fast-check'
import { Network } from '../simulation/virtual/network.js'
import { VirtualProcess } from '../simulation/virtual/process.js'
import { CALM } from '../simulation/virtual/weather.js'
import { World } from '../simulation/virtual/world.js'
import { readFrame } from '../simulation/words/message.js'
import { dataFrameOf } from './data-frames.js'
import { frameOf, Messages } from './frames.js'
import { fuzzing } from './runs.js'

const CLUSTER = 'fuzz'
const SLOTS = 16
const FRAMES_PER_RUN = 60
const PATIENCE_MS = 60_000
const CALL_TIMEOUT_MS = 20_000
const SERVER_ID = 'a'.repeat(40)
const MASTER: Address = { host: 'master', port: 7000 }
const SERVER: Address = { host: 'server', port: 7100 }

const topology = topologyWith({
  slotCount: SLOTS,
  version: 5,
  servers: [serverInfo(SERVER_ID, SERVER)],
  primary: 0,
})

/** A process that speaks the protocol, until it is told to send something else. */
class Fake {
  /** Sent before the next answer, or in the place of WELCOME. */
  madness: Buffer | undefined
  welcomeMadness: Buffer | undefined
  /** Of the protocol that it speaks. */
  version: number = PROTOCOL_VERSION
  #socket: Socket | undefined

  constructor(
    private readonly process: VirtualProcess,
    private readonly role: string,
    private readonly id: string,
    private readonly answer: (message: Message) => Message | undefined,
  ) {}

  listen(address: Address): void {
    this.process.turn('listens', () => {
      void this.process.runtime.listen(address).then((server) => {
        server.onConnection = (socket) => this.#accept(socket)
      })
    })
  }

  /** What it sends unasked. */
  say(frame: Uint8Array): void {
    this.process.turn('speaks', () => this.#socket?.send(frame, FRAME))
  }

  hangUp(): void {
    this.process.turn('hangs up', () => this.#socket?.terminate())
  }

  #encode(answer: Message): Uint8Array {
    return this.version > 1 && isDataType(answer[0]) ? dataOf(answer).bytes : encodeFrame(answer)
  }

  #accept(socket: Socket): void {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('message', (frame) => {
      const message = readFrame(frame)
      const isHello = message[0] === MessageType.HELLO
      const mad = isHello ? this.welcomeMadness : this.madness
      if (isHello) this.welcomeMadness = undefined
      else this.madness = undefined
      if (mad) socket.send(mad, FRAME)
      if (isHello) {
        socket.send(encodeFrame([MessageType.WELCOME, this.version, this.role, CLUSTER, this.id, []]), FRAME)
        if (this.role !== 'master') return
        socket.send(encodeFrame([MessageType.DISTRIBUTION_RESPOND, encodeTopology(topology), []]), FRAME)
        return
      }
      const answer = this.answer(message)
      if (answer) socket.send(this.#encode(answer), FRAME)
    })
  }
}

class Lab {
  readonly world = new World(1)
  readonly #network = new Network(this.world, CALM)
  readonly #entries = new Map<string, unknown>()
  readonly master = new Fake(this.#process('master'), 'master', 'm', (message) =>
    message[0] === MessageType.DISTRIBUTION_REQUEST
      ? [MessageType.DISTRIBUTION_RESPOND, encodeTopology(topology), []]
      : undefined,
  )
  readonly server = new Fake(this.#process('server'), 'cache-server', SERVER_ID, (message) =>
    message[0] === MessageType.COMMANDS ? this.#execute(message) : undefined,
  )
  readonly #user = this.#process('user')
  client!: Client

  /** @param version of the protocol that master and server speak */
  constructor(version: number) {
    this.master.version = this.server.version = version
  }

  async start(): Promise<void> {
    this.master.listen(MASTER)
    this.server.listen(SERVER)
    const masters = [`${MASTER.host}:${MASTER.port}`]
    const options = { masters, cluster: CLUSTER, timeoutMs: CALL_TIMEOUT_MS, connectTimeoutMs: PATIENCE_MS }
    this.client = (await this.#outcome(() => connectOn(this.#user.runtime, options, SLOTS))) as Client
    this.client.on('error', (error) => assert.ok(error instanceof IcfError))
  }

  /** A call of each kind, beside something mad. Each ends, whatever with; it may have been told lies. */
  async callBesides(number: number): Promise<void> {
    const { client } = this
    const key = `key ${number % 5}`
    const calls = [
      () => client.get(key),
      () => client.set(key, { number }),
      () => client.has(key),
      () => client.ttl(key),
      () => client.delete(key),
    ]
    const result = await this.#outcome(() =>
      Promise.allSettled([calls[number % 5]!(), client.get(`${key} too`)]),
    )
    for (const each of result as PromiseSettledResult<unknown>[])
      if (each.status === 'rejected') assert.ok(each.reason instanceof IcfError, String(each.reason))
  }

  async requireService(number: number): Promise<void> {
    const { client } = this
    const key = `sound ${number % 7}`
    const result = await this.#outcome(async () => {
      await client.set(key, `value ${number}`)
      return [
        await client.get(key),
        await client.has(key),
        await client.ttl(key),
        await client.has('nothing'),
      ]
    })
    assert.deepEqual(result, [`value ${number}`, true, null, false])
  }

  pass(ms: number): Promise<void> {
    return this.world.run(this.world.now + ms)
  }

  async #outcome(begin: () => Promise<unknown>): Promise<unknown> {
    let ended: { value: unknown } | undefined
    this.#user.turn('calls', () => {
      void begin().then(
        (value) => (ended = { value }),
        (error: unknown) => (ended = { value: error }),
      )
    })
    await this.world.run(this.world.now + PATIENCE_MS, () => ended !== undefined)
    assert.ok(ended, 'a call does not end')
    return ended.value
  }

  #process(name: string): VirtualProcess {
    return new VirtualProcess(this.#network, { name, machine: name })
  }

  #execute(frame: Message): Message {
    const results: unknown[] = []
    for (const { code, args } of commandsOf(frame))
      results.push(this.#run(code, args[0] as string, args[1], args[2]))
    return [MessageType.RESULTS, frame[3], results.length, ...results]
  }

  #run(code: number, key: string, value: unknown, kind: unknown): unknown {
    const entries = this.#entries
    if (code === CommandCode.SET)
      entries.set(key, value instanceof Uint8Array ? [kind, Buffer.from(value)] : value)
    if (code === CommandCode.SET) return true
    if (code === CommandCode.DELETE) return entries.delete(key)
    if (code === CommandCode.GET) return entries.get(key) ?? null
    if (code === CommandCode.HAS) return entries.has(key)
    return entries.has(key) ? -1 : null
  }
}

const messages = new Messages({ topology, keys: ['key 1'], ids: [SERVER_ID, 'b'.repeat(40)] })
const hello = messages
  .hello(CLUSTER, ['cache-server', 'master'])
  .map((fields) => [MessageType.WELCOME, ...fields.slice(1)])
const others = fc.oneof(messages.any(), messages.chunk())

interface Step {
  readonly who: 'answer' | 'server' | 'master' | 'welcome of the server' | 'welcome of the master'
  readonly frame: Buffer
}

function dataStep(who: Step['who']): fc.Arbitrary<Step> {
  const data = fc.oneof(
    { weight: 6, arbitrary: messages.results() },
    { weight: 1, arbitrary: messages.anyData() },
  )
  return dataFrameOf(data).map((frame) => ({ who, frame }))
}

function step(who: Step['who'], message: fc.Arbitrary<unknown[]>): fc.Arbitrary<Step> {
  const frame = frameOf(fc.oneof({ weight: 6, arbitrary: message }, { weight: 1, arbitrary: others }))
  return frame.map((bytes) => ({ who, frame: bytes }))
}

const anyStep = fc.oneof(
  { weight: 6, arbitrary: step('answer', messages.results()) },
  { weight: 2, arbitrary: step('server', messages.results()) },
  { weight: 6, arbitrary: dataStep('answer') },
  { weight: 2, arbitrary: dataStep('server') },
  { weight: 2, arbitrary: step('master', messages.topology()) },
  { weight: 1, arbitrary: step('welcome of the server', hello) },
  { weight: 1, arbitrary: step('welcome of the master', hello) },
)

test('whatever a master or a cache server sends to a client, its calls end, and those that follow go well', async () => {
  const steps = fc.array(anyStep, { minLength: 1, maxLength: FRAMES_PER_RUN, size: 'max' })
  await fc.assert(
    fc.asyncProperty(steps, fc.constantFrom(1, PROTOCOL_VERSION), async (list, version) => {
      const lab = new Lab(version)
      await lab.start()
      for (const [number, { who, frame }] of list.entries()) {
        const fake = who.endsWith('master') ? lab.master : lab.server
        if (who === 'answer') fake.madness = frame
        else if (who.startsWith('welcome')) {
          fake.welcomeMadness = frame
          fake.hangUp()
        } else fake.say(frame)
        await lab.callBesides(number)
        await lab.pass(5)
        // It believed a newer topology, as it must.
        if (lab.client.topology.version !== topology.version || lab.client.topology.epoch !== topology.epoch)
          return
        await lab.requireService(number)
      }
    }),
    fuzzing(0.03, FRAMES_PER_RUN),
  )
})
