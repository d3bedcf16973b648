import {
  CommandCode,
  emptyTopology,
  keySlot,
  MessageType,
  NONE,
  type FrameReader,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import { RecordingPort } from '@icf/testkit/recording-port'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { PendingCall } from './call.js'
import type { Peer } from './peer.js'
import { Router, type RouterOptions, type RouterShell } from './router.js'
import { encodeValue } from './value.js'

export interface Outcome {
  value?: unknown
  error?: { code: string; message: string }
  settled: boolean
}

/** A router with a clock that the test moves, and links that the test answers for. Server i is at seat i. */
export class RouterHarness {
  nowMs = 0
  /** What was asked of the shell, in order. */
  readonly log: string[] = []
  readonly links = new Map<string, RecordingPort>()
  /** Those that were to be connected last, by the name of their server. */
  readonly peers = new Map<string, Peer>()
  /** Whose links are to be cut. */
  readonly disconnected: Peer[] = []
  /** Whose links are to be cut and made anew. */
  readonly reconnected: Peer[] = []
  readonly router: Router
  isSweeping = false
  #flushing: Peer[] = []
  readonly #calls: PendingCall[] = []
  #topology: Topology

  constructor(options: Partial<RouterOptions> = {}, slotCount?: number) {
    this.#topology = emptyTopology({ virtualNodes: 1, seed: 0 }, slotCount)
    this.router = new Router(this.#topology, this.#shell(), {
      clock: { now: () => this.nowMs },
      random: () => 1,
      eagerServers: 32,
      ...options,
    })
  }

  /** Follows a new topology with these servers (a name for each seat), in which `owner` tells each slot's seat. */
  follow(
    names: (string | undefined)[],
    owner: (slot: number) => number,
    state: ServerInfo['state'] = 'active',
  ): void {
    const servers = names.map((id) => (id === undefined ? undefined : serverInfo(id, { state })))
    const { version, primary } = this.#topology
    this.#topology = topologyWith({
      slotCount: primary.length,
      version: version + 1,
      servers,
      primary: owner,
    })
    this.router.follow(this.#topology)
  }

  /** The link of a server opens. */
  open(name: string): RecordingPort {
    const link = new RecordingPort()
    this.links.set(name, link)
    this.router.opened(this.peers.get(name)!, link)
    return link
  }

  /** The link of a server breaks. */
  lose(name: string): void {
    this.router.lost(this.peers.get(name)!)
  }

  get(key: string, timeoutMs = 5000): Outcome {
    return this.submit(CommandCode.GET, key, timeoutMs)
  }

  set(key: string, value: unknown): Outcome {
    return this.submit(CommandCode.SET, key, 5000, value)
  }

  submit(code: CommandCode, key: string, timeoutMs: number, value?: unknown): Outcome {
    const outcome: Outcome = { settled: false }
    const settle = (result: Partial<Outcome>): void => {
      if (outcome.settled) throw new Error('a call settled twice')
      Object.assign(outcome, result, { settled: true })
    }
    const call = new PendingCall(
      code,
      key,
      keySlot(key, this.#topology.primary.length),
      timeoutMs,
      (result) => settle({ value: result }),
      (error) => settle({ error: error as { code: string; message: string } }),
      undefined,
      0,
    )
    if (code === CommandCode.SET) encodeValue(call, value)
    this.#calls.push(call)
    this.router.submit(call)
    return outcome
  }

  /** As when the signal of every call is aborted. */
  abortAll(): void {
    for (const call of this.#calls.splice(0)) this.router.abort(call, 'enough')
  }

  flush(): void {
    const peers = this.#flushing
    this.#flushing = []
    for (const peer of peers) this.router.flush(peer)
  }

  answer(name: string, id: number, ...results: unknown[]): void {
    this.receive(name, dataOf([MessageType.RESULTS, id, results.length, ...results]))
  }

  receive(name: string, frame: FrameReader): void {
    this.router.receive(this.peers.get(name)!, frame)
  }

  /** Moves the clock and sweeps on the way, as the shell would. */
  advance(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs = Math.min(this.nowMs + 20, endMs)
      if (this.isSweeping) this.isSweeping = this.router.sweep()
    }
  }

  /** Takes what was logged since the last call. */
  take(): string[] {
    return this.log.splice(0)
  }

  #shell(): RouterShell {
    return {
      connect: (peer) => {
        this.peers.set(peer.server.id, peer)
        this.log.push(`connect ${peer.server.id}`)
      },
      disconnect: (peer) => {
        this.disconnected.push(peer)
        this.log.push(`disconnect ${peer.server.id}`)
      },
      reconnect: (peer) => {
        this.reconnected.push(peer)
        this.log.push(`reconnect ${peer.server.id}`)
      },
      flushSoon: (peer) => this.#flushing.push(peer),
      suspect: (id) => this.log.push(`suspect ${id}`),
      askTopology: () => this.log.push('ask'),
      startSweeping: () => (this.isSweeping = true),
    }
  }
}

export const nobody = (): number => NONE

/** A router with open links to servers a and b; `a` has all slots. */
export function twoServers(options: Partial<RouterOptions> = {}): RouterHarness {
  const harness = new RouterHarness(options)
  harness.follow(['a', 'b'], () => 0)
  harness.open('a')
  harness.open('b')
  harness.take()
  return harness
}
