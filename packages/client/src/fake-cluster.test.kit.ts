import {
  CommandCode,
  emptyTopology,
  encodeDifference,
  encodeTopology,
  errorResult as wireError,
  IcfError,
  keyOf,
  keySlot,
  limits,
  MessageType,
  nameAhead,
  NONE,
  SLOT_COUNT,
  ValueKind,
  wholeTopologyMessage,
  type ErrorCode,
  type Message,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import type { Link } from '@icf/common/node'
import { FakeProcess } from '@icf/testkit/fake-process'
import { commandsOf, dataOf, type Command } from '@icf/testkit/frames'
import { serverInfo } from '@icf/testkit/topologies'

/** A small stand-in for masters and cache servers, on real sockets in this process, for the tests of the client. */

interface Entry {
  readonly wire: unknown
  readonly kind: number
  readonly expiresAtMs: number
}

/** Answers a command instead of the fake server; undefined: let the fake server answer, HOLD: never answer. */
export type Interceptor = (command: Command, server: FakeServer) => unknown
export const HOLD = Symbol('hold')

let lastId = 0

/** As results stand in arrays. */
export function errorResult(
  code: ErrorCode,
  topology: Pick<Topology, 'epoch' | 'version'>,
): readonly unknown[] {
  const { wire, text, epoch, version } = wireError({ code, message: `fake ${code}` }, topology)
  return [-1, wire, text, epoch, version]
}

export class FakeServer extends FakeProcess {
  /** Every COMMANDS frame, as it arrived. */
  readonly frames: Message[] = []
  intercept: Interceptor | undefined
  /** Like SIGSTOP: connections stay open, nothing is read. What came is held until `resume`. */
  #held: (() => void)[] | undefined

  constructor(readonly owner: FakeCluster) {
    const id = (++lastId).toString(16).padStart(40, '0')
    super({ role: 'cache-server', cluster: owner.name, id, details: [] })
    this.on('message', (link: Link, message: Message) => {
      if (message[0] === MessageType.DISTRIBUTION_REQUEST) link.send(wholeTopologyMessage(owner.topology))
      if (message[0] !== MessageType.COMMANDS) return
      this.frames.push(message)
      if (this.#held) this.#held.push(() => this.#answer(link, message))
      else this.#answer(link, message)
      this.emit('frame')
    })
  }

  get id(): string {
    return this.self.id
  }

  get info(): ServerInfo {
    return serverInfo(this.id, this.address)
  }

  get commandCount(): number {
    return this.frames.reduce((sum, frame) => sum + commandsOf(frame).length, 0)
  }

  pause(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const run of held) run()
  }

  #answer(link: Link, message: Message): void {
    const results: unknown[] = []
    for (const command of commandsOf(message)) {
      const answer = this.intercept?.(command, this) ?? this.owner.execute(command, this)
      if (answer === HOLD) continue
      if (answer instanceof StagedAnswer)
        link.stage(answer.bytes, ({ id }) => {
          const frame = frameOf([command.id, 1, answer.result])
          nameAhead(frame, id)
          link.sendData(frame)
        })
      else results.push(command.id, 1, answer)
    }
    if (results.length > 0) link.sendData(frameOf(results))
  }
}

function frameOf(runs: readonly unknown[]): Buffer {
  return dataOf([MessageType.RESULTS, ...runs]).bytes
}

class StagedAnswer {
  constructor(
    readonly bytes: Uint8Array,
    readonly result: unknown,
  ) {}
}

export class FakeMaster extends FakeProcess {
  constructor(readonly owner: FakeCluster) {
    super({ role: 'master', cluster: owner.name, id: `m${++lastId}`, details: [] })
    this.on('opened', (link: Link) => {
      if (this.owner.topology.version > 0) this.tell(link)
    })
    this.on('message', (link: Link, message: Message) => {
      if (message[0] === MessageType.DISTRIBUTION_REQUEST) this.tell(link)
    })
  }

  tell(link: Link): void {
    link.send(wholeTopologyMessage(this.owner.topology))
  }

  push(type: number, update: unknown[]): void {
    for (const link of this.links) link.send([type, update, []])
  }
}

export class FakeCluster {
  readonly name: string
  readonly masters: FakeMaster[] = []
  readonly servers: FakeServer[] = []
  readonly entries = new Map<string, Entry>()
  /** What the servers go by. */
  topology: Topology

  constructor(name = 'icf', slotCount?: number) {
    this.name = name
    this.topology = emptyTopology({ virtualNodes: 1, seed: 1 }, slotCount)
  }

  static async start({
    servers = 1,
    masters = 1,
    name = 'icf',
    slotCount = SLOT_COUNT,
  } = {}): Promise<FakeCluster> {
    const cluster = new FakeCluster(name, slotCount)
    for (let i = 0; i < servers; i++) {
      const server = new FakeServer(cluster)
      await server.start()
      cluster.servers.push(server)
    }
    for (let i = 0; i < masters; i++) {
      const master = new FakeMaster(cluster)
      await master.start()
      cluster.masters.push(master)
    }
    cluster.set({ servers: cluster.servers.map(({ info }) => info), owner: (slot) => slot % servers })
    return cluster
  }

  /** A server that the topology does not have yet. */
  newServer(): FakeServer {
    return new FakeServer(this)
  }

  get addresses(): string[] {
    return this.masters.map(({ address: { host, port } }) => `${host}:${port}`)
  }

  /** Makes the next topology, and keeps it to itself. @returns the one before */
  set(change: {
    servers?: (ServerInfo | undefined)[]
    owner?: (slot: number) => number
    epoch?: number
  }): Topology {
    const before = this.topology
    const primary = before.primary.slice()
    const { owner } = change
    if (owner) for (let slot = 0; slot < primary.length; slot++) primary[slot] = owner(slot)
    this.topology = {
      ...before,
      epoch: change.epoch ?? Math.max(before.epoch, 1),
      version: before.version + 1,
      servers: change.servers ?? before.servers,
      primary,
    }
    return before
  }

  /** Tells the clients of the present topology, as the difference from `base`. */
  push(base: Topology, type: number = MessageType.DISTRIBUTION_RESPOND): void {
    for (const master of this.masters) master.push(type, encodeDifference(base, this.topology))
  }

  pushWhole(type: number = MessageType.DISTRIBUTION_RESPOND): void {
    for (const master of this.masters) master.push(type, encodeTopology(this.topology))
  }

  /** A key of a slot that seat `seat` owns; `n` makes different ones. */
  keyOf(seat: number, n = 0): string {
    for (let i = 0; ; i++) {
      const key = `key-${n}-${i}`
      if (this.topology.primary[this.#slotOf(key)] === seat) return key
    }
  }

  #slotOf(key: string): number {
    return keySlot(keyOf(key), this.topology.primary.length)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.servers, ...this.masters].map((process) => process.stop()))
  }

  execute(command: Command, server: FakeServer): unknown {
    const key = command.args[0] as string
    const seat = this.topology.primary[this.#slotOf(key)]!
    if (seat === NONE || this.topology.servers[seat]?.id !== server.id)
      return errorResult('NOT_OWNER', this.topology)
    const entry = this.entries.get(key)
    switch (command.code) {
      case CommandCode.GET:
        return entry ? answerOf(entry) : null
      case CommandCode.SET:
        this.entries.set(key, toEntry(command.args))
        return true
      case CommandCode.DELETE:
        return this.entries.delete(key)
      case CommandCode.HAS:
        return entry !== undefined
      case CommandCode.TTL:
        return entry === undefined
          ? null
          : entry.expiresAtMs === 0
            ? -1
            : Math.ceil(entry.expiresAtMs - performance.now())
    }
    throw new IcfError('PROTOCOL', 'unknown command')
  }
}

function toEntry([, wire, kind, ttlMs]: readonly unknown[]): Entry {
  const stored = wire instanceof Uint8Array ? Buffer.from(wire) : wire
  return {
    wire: stored,
    kind: kind as number,
    expiresAtMs: ttlMs === 0 ? 0 : performance.now() + (ttlMs as number),
  }
}

function answerOf({ wire, kind }: Entry): unknown {
  const isPlain = typeof wire === 'string' || kind === ValueKind.BYTES
  const result = isPlain ? wire : [kind, wire]
  const isLong = wire instanceof Uint8Array && wire.length > limits.chunkBytes
  return isLong ? new StagedAnswer(wire, result) : result
}
