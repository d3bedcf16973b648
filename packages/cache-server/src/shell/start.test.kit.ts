import {
  defaultTiming,
  emptyTopology,
  encodeTopology,
  MessageType,
  NONE,
  SLOT_COUNT,
  type IcfError,
  type Message,
} from '@icf/common'
import { listen, type Address, type Introduction, type Link, type Listener } from '@icf/common/node'
import { pino } from 'pino'
import { startCacheServer, type RunningCacheServer } from './start.js'

const HOST = '127.0.0.1'
const { heartbeatIntervalMs, leaseMs, deadAfterMs } = defaultTiming

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
    const details = self.role === 'cache-server' ? [] : [heartbeatIntervalMs, leaseMs, deadAfterMs]
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
  publish(version: number, servers: readonly { id: string; address: Address }[]): void {
    const topology = {
      ...emptyTopology({ virtualNodes: 1, seed: 0 }),
      epoch: 1,
      version,
      servers: servers.map(({ id, address }) => ({
        id,
        ...address,
        respPort: 0,
        zone: '',
        machine: '',
        weight: 1,
        state: 'active' as const,
      })),
      primary: new Uint16Array(SLOT_COUNT),
      backup: new Uint16Array(SLOT_COUNT).fill(servers.length > 1 ? 1 : NONE),
    }
    for (const link of this.links) link.send([MessageType.DISTRIBUTION_RESPOND, encodeTopology(topology), []])
  }

  #receive(link: Link, message: Message): void {
    this.received.push(message)
    const [type, beat] = message
    if (type === MessageType.KEEP_ALIVE) link.send([MessageType.KEEP_ALIVE, beat, 1, 1])
  }

  async #listen(port: number): Promise<void> {
    this.#listener = await listen({ host: HOST, port }, this.self.cluster, {
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
