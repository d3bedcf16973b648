import {
  defaultTiming,
  MessageType,
  NONE,
  leaseMessage,
  readKeepAlive,
  timingDetails,
  wholeTopologyMessage,
  type IcfError,
  type Introduction,
  type Message,
} from '@icf/common'
import { listen, nodeRuntime, type Address, type Link, type Listener } from '@icf/common/node'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { pino } from 'pino'
import type { RunningCacheServer } from './cache-server.js'
import { startCacheServer } from './start.js'

const HOST = '127.0.0.1'

/** Any process at an address, such as a master or another cache server, by what it answers to HELLO. */
export class FakeProcess {
  readonly hellos: Introduction[] = []
  readonly received: Message[] = []
  readonly links = new Set<Link>()
  #listener!: Listener

  private constructor(
    private readonly self: Introduction,
    private readonly refusal: () => IcfError | undefined,
  ) {}

  static async start(
    self: Partial<Introduction>,
    port = 0,
    refusal: () => IcfError | undefined = () => undefined,
  ): Promise<FakeProcess> {
    const details = self.role === 'cache-server' ? [] : timingDetails(defaultTiming)
    const process = new FakeProcess({ role: 'master', cluster: 'test', id: '', details, ...self }, refusal)
    await process.#listen(port)
    return process
  }

  get address(): Address {
    return this.#listener.address
  }

  close(): Promise<void> {
    return this.#listener.close()
  }

  /** As a master: a topology of these servers; the first is the primary of every slot, the second the backup. */
  publish(version: number, servers: readonly { id: string; address: Address }[], epoch = 1): void {
    const topology = topologyWith({
      epoch,
      version,
      servers: servers.map(({ id, address }) => serverInfo(id, address)),
      primary: 0,
      backup: servers.length > 1 ? 1 : NONE,
    })
    for (const link of this.links) link.send(wholeTopologyMessage(topology))
  }

  #receive(link: Link, message: Message): void {
    this.received.push(message)
    if (message[0] === MessageType.KEEP_ALIVE) link.send(leaseMessage(readKeepAlive(message).beat, 1, 1))
  }

  async #listen(port: number): Promise<void> {
    this.#listener = await listen(nodeRuntime, { host: HOST, port }, this.self.cluster, {
      introduce: () => this.self,
      admit: (hello) => {
        this.hellos.push(hello)
        const refusal = this.refusal()
        if (refusal) throw refusal
      },
      opened: (link) => {
        this.links.add(link)
        link.handlers = {
          message: (message) => this.#receive(link, message),
          close: () => this.links.delete(link),
        }
      },
    })
  }
}

/** The way to a process, as through a firewall that may forget the connections it has. */
export class Way {
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  private constructor(private readonly to: Address) {
    this.#server = createServer((near) => {
      const far = connect(this.to.port, this.to.host)
      for (const [socket, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => this.#sockets.delete(socket))
        socket.pipe(other)
      }
    })
  }

  static async to(address: Address): Promise<Way> {
    const way = new Way(address)
    way.#server.listen(0, HOST)
    await once(way.#server, 'listening')
    return way
  }

  get address(): Address {
    return { host: HOST, port: (this.#server.address() as AddressInfo).port }
  }

  /** What is sent over present connections goes nowhere from now on; new ones work. */
  forget(): void {
    for (const socket of this.#sockets) {
      socket.unpipe()
      socket.resume()
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }
}

/** @param warnings gets what the server warns of */
export function startServer(
  masters: readonly Address[],
  warnings: string[] = [],
): Promise<RunningCacheServer> {
  const write = (line: string): void => void warnings.push((JSON.parse(line) as { msg: string }).msg)
  return startCacheServer({
    host: HOST,
    port: 0,
    respPort: 0,
    masters,
    cluster: 'test',
    zone: '',
    weight: 1,
    maxMemoryBytes: 256 * 1024 * 1024,
    logger: pino({ level: 'warn' }, { write }),
  })
}

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}
