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
import type { Address, Link } from '@icf/common/node'
import { FakeProcess } from '@icf/testkit/fake-process'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { pino } from 'pino'
import type { RunningCacheServer } from './cache-server.js'
import { startCacheServer } from './start.js'

const HOST = '127.0.0.1'

let lastMember = 0

/** Another member of the cluster, a master if nothing else is said: it answers heartbeats. */
export class FakeMember extends FakeProcess {
  private constructor(self: Partial<Introduction>) {
    const details = self.role === 'cache-server' ? [] : timingDetails(defaultTiming, [])
    super({ role: 'master', cluster: 'test', id: `member ${++lastMember}`, details, ...self })
    this.on('message', (link: Link, message: Message) => {
      if (this.isActive && message[0] === MessageType.KEEP_ALIVE)
        link.send(leaseMessage(readKeepAlive(message).beat, 1, 1))
    })
  }

  static async start(
    self: Partial<Introduction>,
    port = 0,
    refusal: () => IcfError | undefined = () => undefined,
  ): Promise<FakeMember> {
    const member = new FakeMember(self)
    member.admit = () => {
      const error = refusal()
      if (error) throw error
    }
    await member.start(port)
    return member
  }

  /** As an active master at its first, or as a standby, which keeps who comes and says nothing. */
  isActive = true

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
  maxMemoryBytes = 256 * 1024 * 1024,
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
    maxMemoryBytes,
    logger: pino({ level: 'warn' }, { write }),
  })
}
