// Simulated cache servers, all in one process: they beat, and report copies as made as soon as they are asked for. They
// hold nothing. The parent says what to do by messages.
import { isTopologyUpdate, MessageType, readUpdateVersion, type Message } from '@icf/common'
import {
  isRefused,
  listen,
  nodeRuntime,
  Redialer,
  type Address,
  type Link,
  type Listener,
} from '@icf/common/node'
import { Followed } from './followed.js'
import type { ServersTask, Serving } from './tasks.js'

const BEAT_MS = 100
const LEASE_MS = 1000
/** As a real one dials its master. */
const DIALING = { timeoutMs: 1000, maxTimeoutMs: 4000, minDelayMs: 20, maxDelayMs: 200 }
/** Connections that are opened at a time, when the parent asks for many. */
const OPENING = 20
const HOST = '127.0.0.1'

const master: Address = { host: '127.0.0.1', port: Number(process.argv[2]) }
const servers: SimulatedServer[] = []
const followed = new Followed()

class SimulatedServer {
  readonly #id: string
  /** Who looks whether this server is there finds it, until it has ended. */
  readonly #listener: Listener
  readonly #redialer: Redialer
  readonly #onLease: () => void
  #link: Link | undefined
  #timer: NodeJS.Timeout | undefined
  #beat = 0
  #answered = 0
  #version = { epoch: 0, version: 0 }
  readonly #reported = new Map<number, number>()
  /** When unanswered beats were sent. */
  readonly #sentAt = new Map<number, number>()
  /** The lease counts from here; undefined before the first. */
  #leasedAt: number | undefined
  #isLeased = false
  #longestLeaseMs = 0

  private constructor(id: string, listener: Listener, weight: number, onLease: () => void) {
    this.#id = id
    this.#listener = listener
    this.#onLease = onLease
    const { port } = listener.address
    this.#redialer = new Redialer(nodeRuntime, {
      ...DIALING,
      address: master,
      introduce: () => {
        const { epoch, version } = this.#version
        const details = [HOST, port, 0, '', weight, 2 ** 30, epoch, version, this.#id]
        return { role: 'cache-server', cluster: 'icf', id: this.#id, details }
      },
      opened: (link) => this.#opened(link),
      failed: (error, startedAt) => {
        if (isRefused(error) && this.#leasedAt !== undefined && startedAt < this.#leasedAt + LEASE_MS)
          this.#renew(startedAt)
        if (error.code === 'FENCED') fail(error.message)
      },
    })
  }

  /** Resolves when a beat of its was answered. */
  static async join(weight: number): Promise<void> {
    const id = nodeRuntime.newId()
    const listener = await listen(nodeRuntime, { host: HOST, port: 0 }, 'icf', {
      introduce: () => ({ role: 'cache-server', cluster: 'icf', id, details: [] }),
      admit: () => undefined,
      opened: (link) => (link.handlers = { message: () => undefined, close: () => undefined }),
    })
    await new Promise<void>((resolve) => servers.push(new SimulatedServer(id, listener, weight, resolve)))
  }

  get isLeased(): boolean {
    return this.#isLeased
  }

  /** The most that its lease was used up since this was asked last, in ms. */
  takeLongestLease(): number {
    const longest = Math.max(this.#longestLeaseMs, performance.now() - (this.#leasedAt ?? Infinity))
    this.#longestLeaseMs = 0
    return longest
  }

  async end(): Promise<void> {
    await this.#listener.close()
    this.#redialer.stop()
    this.#link?.terminate()
  }

  #opened(link: Link): void {
    this.#link = link
    this.#answered = this.#beat
    this.#sentAt.clear()
    this.#timer = setInterval(() => this.#sendBeat(), BEAT_MS)
    this.#sendBeat()
    link.handlers = {
      message: (message) => this.#receive(message),
      close: () => {
        clearInterval(this.#timer)
        this.#isLeased = false
        this.#redialer.lost()
      },
    }
  }

  #sendBeat(): void {
    const load = [1000, 1e6, 1000, 1e6, 0, 0, 1000, 1e8]
    const { epoch, version } = this.#version
    this.#sentAt.set(++this.#beat, performance.now())
    this.#link!.send([MessageType.KEEP_ALIVE, this.#beat, 0, epoch, version, load, this.#answered])
  }

  #receive(message: Message): void {
    if (isTopologyUpdate(message)) return this.#follow(message)
    if (message[0] === MessageType.KEEP_ALIVE) return this.#answer(message[1] as number)
    // The master looks, too.
    if (message[0] === MessageType.PROBE)
      return this.#link!.send([MessageType.PROBE_RESULT, message[1], 'gone'])
    fail(message.join(' '))
  }

  #follow(message: Message): void {
    followed.follow(message)
    this.#version = readUpdateVersion(message)
    for (const report of followed.reportsOf(this.#id, this.#reported)) this.#link!.send(report)
  }

  #answer(beat: number): void {
    const sentAt = this.#sentAt.get(beat)
    if (sentAt === undefined) return
    this.#sentAt.delete(beat)
    this.#answered = beat
    this.#renew(sentAt)
    this.#isLeased = true
    this.#onLease()
  }

  #renew(since: number): void {
    const usedUpMs = performance.now() - (this.#leasedAt ?? Infinity)
    this.#longestLeaseMs = Math.max(this.#longestLeaseMs, usedUpMs)
    this.#leasedAt = since
  }
}

function fail(why: string): never {
  console.error('a simulated server is told what it does not expect:', why)
  process.exit(1)
}

async function join(count: number, weight: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await SimulatedServer.join(weight)
  }
  await Promise.all(Array.from({ length: OPENING }, lane))
}

function look(): Serving {
  return {
    leased: servers.filter(({ isLeased }) => isLeased).length,
    longestLeaseMs: Math.max(0, ...servers.map((server) => server.takeLongestLease())),
  }
}

process.on('message', (task: ServersTask) => {
  if (task.kind === 'look') return void process.send!(look())
  if (task.kind === 'join') return void join(task.count, task.weight).then(() => process.send!('done'))
  void servers
    .pop()!
    .end()
    .then(() => process.send!('done'))
})
process.on('disconnect', () => process.exit(0))
