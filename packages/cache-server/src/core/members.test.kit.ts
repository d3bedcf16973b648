// Cache servers wired together in memory, for the tests of their core.
import {
  CommandCode,
  MessageType,
  REPEAT,
  SLOT_COUNT,
  toVersion1,
  type Clock,
  type FrameReader,
  type Message,
  type ServerInfo,
  type Topology,
  type Transition,
} from '@icf/common'
import { dataOf, resultsOf } from '@icf/testkit/frames'
import { serverInfo, topologyWith, transitionsOf } from '@icf/testkit/topologies'
import { Wires } from '@icf/testkit/wires'
import type { Difference } from './auditor.js'
import { CacheServerCore, type Ending } from './cache-server-core.js'
import type { ClientSession } from './client-session.js'
import type { LinkPort } from './ports.js'

export const LEASE_MS = 1e6

/** By which nothing takes any time. */
export const NO_TIME: Clock = { now: () => 0 }

/** What a core tells, and nobody hears. */
export const nobody = Object.freeze({
  clock: NO_TIME,
  toMaster: () => undefined,
  flushSoon: () => undefined,
  followed: () => undefined,
  termBegan: () => undefined,
  reconnect: () => undefined,
  mending: () => undefined,
  differs: () => undefined,
  ended: () => undefined,
})

/** A link to a master that does not listen. */
export const DEAF: LinkPort = { send: () => undefined, sendData: () => undefined, stage: () => undefined }

/** A heartbeat is sent and answered. */
export function renewLease(core: CacheServerCore, now: number): void {
  core.masterMessage(DEAF, [MessageType.KEEP_ALIVE, core.lease.beat(now)], now)
}

/** Others use the memory of a frame that was read: what was kept must have been copied. */
function giveBack(frame: FrameReader): void {
  frame.bytes.fill(0xee)
}

export class Member {
  readonly toMaster: Message[] = []
  readonly core: CacheServerCore
  /** Primaries that were to connect anew. */
  readonly reconnects: string[] = []
  /** Who lacked something of which slots, as it was told. */
  readonly mended: [serverId: string, slots: readonly number[]][] = []
  /** Whose backup of which slot differed in what, as it was told. */
  readonly differences: [serverId: string, slot: number, differences: readonly Difference[]][] = []
  readonly results = new Map<number, unknown>()
  readonly client: ClientSession
  ended: Ending | undefined
  termsBegun = 0
  #id = 0
  #now = 0
  readonly #ports = new Map<Member, { cut: boolean }[]>()

  constructor(
    readonly name: string,
    private readonly wires: Wires,
    budgetBytes = 64 * 1024 * 1024,
    slotCount = SLOT_COUNT,
  ) {
    this.core = new CacheServerCore({
      clock: NO_TIME,
      id: name.repeat(40),
      budgetBytes,
      slotCount,
      toMaster: (message) => this.toMaster.push(message),
      flushSoon: () => wires.queue.push(() => this.core.flush(() => this.#now)),
      followed: () => undefined,
      termBegan: () => this.termsBegun++,
      reconnect: (serverId) => this.reconnects.push(serverId),
      mending: (serverId, slots) => this.mended.push([serverId, slots]),
      differs: (serverId, slot, differences) => this.differences.push([serverId, slot, differences]),
      ended: (why) => (this.ended = why),
    })
    this.core.masterConnected(LEASE_MS)
    renewLease(this.core, 0)
    this.client = this.core.openClient(
      wires.port({
        message: () => undefined,
        data: (frame) =>
          resultsOf(toVersion1(frame, frame.ahead)).forEach(([id, result]) => this.results.set(id, result)),
      }),
      'client',
    )
  }

  /** Time passes, and what was due meanwhile is done. */
  pass(ms: number): void {
    this.#now += ms
    this.core.work(this.#now)
  }

  command(code: number, ...args: unknown[]): number {
    return this.numbered(1, 0, code, ...args)
  }

  /** A frame whose first write has this number. */
  numbered(number: number, settledBelow: number, ...commands: unknown[]): number {
    const { epoch, version } = this.core.slots.topology
    const header = [MessageType.COMMANDS, epoch, version, ++this.#id, number, settledBelow]
    const frame = dataOf([...header, ...commands])
    this.core.clientData(this.client, frame, 0)
    if (this.client.suspended.length === 0) giveBack(frame)
    return this.#id
  }

  /** What a client sends that does not know whether its write was carried out. */
  repeat(number: number, ...command: unknown[]): unknown {
    const id = this.numbered(0, 0, REPEAT, number, ...command)
    this.wires.run()
    return this.results.get(id)
  }

  set(key: string, value: string): number {
    return this.command(CommandCode.SET, key, value, 1, 0, 0)
  }

  ask(code: number, ...args: unknown[]): unknown {
    const id = this.command(code, ...args)
    this.wires.run()
    return this.results.get(id)
  }

  get(key: string): unknown {
    return this.ask(CommandCode.GET, key)
  }

  /** Loses what is on its way between the two. */
  disconnect(other: Member): void {
    for (const port of this.#ports.get(other) ?? []) port.cut = true
  }

  /**
   * @param asked gets what the other sends but acknowledgements
   * @param takeAnyKey whether both take keys of any bytes, or one is of an earlier release
   */
  connect(
    other: Member,
    asked = (port: LinkPort, message: Message) => this.core.peerMessage(other.core.id, port, message, 0),
    takeAnyKey = true,
  ): void {
    const forward = this.wires.port({
      message: (message) => other.core.primaryMessage(this.core.id, back, message, 0),
      data: (frame) => {
        other.core.primaryData(this.core.id, back, frame, 0)
        giveBack(frame)
      },
    })
    const back = this.wires.port({
      message: (message) => asked(forward, message),
      data: (frame) => this.core.peerData(other.core.id, forward, frame, 0),
    })
    this.#ports.set(other, [forward, back])
    other.core.primaryConnected(this.core.id, this.core.channelIdTo(other.core.id), back, takeAnyKey)
    this.core.peerConnected(other.core.id, forward, true, takeAnyKey)
  }
}

/** Servers a, b and c, not connected yet. */
export function threeMembers(): { wires: Wires; a: Member; b: Member; c: Member } {
  const wires = new Wires()
  const [a, b, c] = ['a', 'b', 'c'].map((name) => new Member(name, wires)) as [Member, Member, Member]
  return { wires, a, b, c }
}

/** As a topology has a server of this name. */
export function serverOf(name: string): ServerInfo {
  return serverInfo(name.repeat(40))
}

/** With servers a, b and c in seats 0, 1 and 2; all slots alike. */
export function topologyOf(
  version: number,
  primary: number,
  backup: number,
  transition?: Transition,
): Topology {
  const servers = ['a', 'b', 'c'].map(serverOf)
  const transitions = transitionsOf(
    transition ? Array.from({ length: SLOT_COUNT }, (_, slot) => [slot, transition]) : [],
  )
  return topologyWith({ version, servers, primary, backup, transitions })
}
