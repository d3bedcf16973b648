// Simulated cache servers, all in one process: they beat, and report copies as made as soon as they are asked for. They
// hold nothing. The parent says what to do by messages.
import { decodeTopology, type IcfError, MessageType, NONE, type Message, type Topology } from '@icf/common'
import { dial, nodeRuntime, type Address, type Link } from '@icf/common/node'
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { ServersTask } from './tasks.js'

const BEAT_MS = 100
/** Connections that are being opened at a time. */
const DIALING = 20
const DIAL_TIMEOUT_MS = 30_000
/** An address of this machine at which nobody listens: who looks for a server that ended finds it gone. */
const HOST = '127.0.1.1'
const FIRST_PORT = 7100

const master: Address = { host: '127.0.0.1', port: Number(process.argv[2]) }
const servers: SimulatedServer[] = []
/** The newest topology, and the work in it by the seat that has to do it: decoded once for all. */
let topology: Topology | undefined
let work = new Map<number, { slot: number; to: number; since: number; isHandOff: boolean }[]>()

function follow(update: unknown): void {
  const [, epoch, version] = update as [number, number, number]
  if (topology && (epoch < topology.epoch || (epoch === topology.epoch && version <= topology.version)))
    return
  topology = decodeTopology(update, topology) ?? topology
  work = new Map()
  for (const [slot, { to, since, intent }] of topology!.transitions) {
    const seat = topology!.primary[slot]!
    const task = { slot, to, since, isHandOff: intent === 'primary' }
    const tasks = work.get(seat)
    if (tasks) tasks.push(task)
    else work.set(seat, [task])
  }
}

class SimulatedServer {
  readonly id: string
  readonly #link: Link
  #beat = 0
  #answered = 0
  #version = 0
  readonly #reported = new Map<number, number>()
  readonly #timer: NodeJS.Timeout

  private constructor(link: Link, id: string) {
    this.#link = link
    this.id = id
    link.handlers = { message: (message) => this.#receive(message), close: () => clearInterval(this.#timer) }
    this.#timer = setInterval(() => this.#sendBeat(), BEAT_MS)
  }

  static async join(port: number, weight: number): Promise<SimulatedServer> {
    for (;;)
      try {
        const id = randomBytes(20).toString('hex')
        const details = [HOST, port, 0, '', weight, 2 ** 30, 0, 0, id]
        const self = { role: 'cache-server' as const, cluster: 'icf', id, details }
        return new SimulatedServer(await dial(nodeRuntime, master, self, DIAL_TIMEOUT_MS), id)
      } catch (error) {
        // This process may be too busy to say HELLO in time.
        if (!(error as IcfError).retryable) throw error
        await delay(BEAT_MS)
      }
  }

  end(): void {
    this.#link.terminate()
  }

  #sendBeat(): void {
    const load = [1000, 1e6, 1000, 1e6, 0, 0, 1000, 1e8]
    const epoch = this.#version === 0 ? 0 : topology!.epoch
    this.#link.send([MessageType.KEEP_ALIVE, ++this.#beat, 0, epoch, this.#version, load, this.#answered])
  }

  #receive(message: Message): void {
    switch (message[0]) {
      case MessageType.KEEP_ALIVE:
        this.#answered = message[1] as number
        return
      case MessageType.PROBE:
        return this.#link.send([MessageType.PROBE_RESULT, message[1], 'gone'])
      case MessageType.DISTRIBUTION_RESPOND:
      case MessageType.ADD_CACHE_SERVER:
      case MessageType.SHUTDOWN_CACHE:
      case MessageType.REFLESH_IP:
        follow(message[1])
        this.#version = (message[1] as number[])[2]!
        return this.#report()
      case MessageType.REFUSED:
        console.error('a simulated server is refused:', message[2])
    }
  }

  #report(): void {
    const seat = topology!.servers.findIndex((server) => server?.id === this.id)
    if (seat === -1) return
    const groups = new Map<string, number[]>()
    for (const { slot, to, since, isHandOff } of work.get(seat) ?? []) {
      if (to === NONE || this.#reported.get(slot) === since) continue
      this.#reported.set(slot, since)
      const type = isHandOff ? MessageType.SLOTS_HANDED_OFF : MessageType.SLOTS_COPIED
      const key = `${type} ${topology!.servers[to]!.id}`
      groups.set(key, [...(groups.get(key) ?? []), slot, since])
    }
    for (const [key, flat] of groups) {
      const [type, to] = key.split(' ')
      this.#link.send([Number(type), to, flat.length, 100 * flat.length, flat])
    }
  }
}

async function perform(task: ServersTask): Promise<void> {
  if (task.kind === 'end') return servers.pop()!.end()
  const first = FIRST_PORT + servers.length
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < task.count) servers.push(await SimulatedServer.join(first + next++, task.weight))
  }
  await Promise.all(Array.from({ length: DIALING }, lane))
}

process.on('message', (task: ServersTask) => {
  perform(task).then(
    () => process.send!('done'),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit(0))
