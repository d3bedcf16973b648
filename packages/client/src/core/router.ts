import {
  compareVersions,
  errorFromWire,
  IcfError,
  limits,
  MessageType,
  readErrorResult,
  ResultTag,
  skipResult,
  type Clock,
  type ErrorResult,
  type FrameReader,
  type Topology,
} from '@icf/common'
import { CallState, type PendingCall } from './call.js'
import { aborted, closed, misanswered, refused, timedOut } from './failures.js'
import { ID_END } from './in-flight.js'
import { Inquiry } from './inquiry.js'
import { backoffMs, pace } from './pace.js'
import { Parking } from './parking.js'
import type { Peer, PeerLink } from './peer.js'
import { Peers } from './peers.js'
import { readResult } from './result.js'
import { Standstill } from './standstill.js'
import { WriteNumbers } from './write-numbers.js'

/** What the router needs done outside. None of it may call back into the router in the same turn. */
export interface RouterShell {
  /** Open a link to the peer and keep it open. */
  connect(peer: Peer): void
  /** The server is gone for good: terminate its link. */
  disconnect(peer: Peer): void
  /** The link is dead, though nobody closed it: terminate it and open another. */
  reconnect(peer: Peer): void
  /** Call `flush(peer)` soon, after what the caller is doing now. */
  flushSoon(peer: Peer): void
  /** Tell the master that the connection to this server broke. */
  suspect(serverId: string): void
  /** Ask the master for its topology. */
  askTopology(): void
  /** Calls are pending: call `sweep()` every `pace.sweepMs` until it returns false. */
  startSweeping(): void
}

export interface RouterOptions {
  readonly clock: Clock
  readonly random: () => number
  /** More servers than this are connected to only when a call needs them. */
  readonly eagerServers: number
}

/**
 * Sends each call to the server that owns its slot, and again when the answer asks for that: without sockets, timers or
 * a clock of its own.
 *
 *     submit → route → peer's queue → flush → in flight → result → settled
 *                ↑ ↓ no owner, BUSY                  │ NOT_OWNER, OWNER_CHANGED, connection lost, server gone
 *               parked ←─────────────────────────────┘
 */
export class Router {
  pendingCount = 0
  pendingBytes = 0
  #topology: Topology
  readonly #numbers = new WriteNumbers()
  readonly #peers = new Peers(this.#numbers)
  /** Servers that left in good order and may still answer what is in flight. */
  readonly #retiring = new Set<Peer>()
  readonly #parking = new Parking()
  readonly #standstill = new Standstill()
  readonly #inquiry: Inquiry
  /** That were requested: they come in this turn of the event loop. */
  #flushesDue = 0
  /** The time, while flushes are due: a look at the clock for each call would cost as much as putting it into a frame. */
  #turnMs: number | undefined
  /** No call ends before this. */
  #nextDeadlineMs = Infinity
  readonly #shell: RouterShell
  readonly #options: RouterOptions

  constructor(topology: Topology, shell: RouterShell, options: RouterOptions) {
    this.#shell = shell
    this.#options = options
    this.#inquiry = new Inquiry(options.random)
    this.#topology = topology
    this.follow(topology)
  }

  get topology(): Topology {
    return this.#topology
  }

  /** Takes a call on; its promise settles in time, whatever happens. The caller has checked the bounds. */
  submit(call: PendingCall): void {
    const nowMs = (this.#turnMs ??= this.#options.clock.now())
    call.deadlineMs = nowMs + call.timeoutMs
    if (call.deadlineMs < this.#nextDeadlineMs) this.#nextDeadlineMs = call.deadlineMs
    this.pendingBytes += call.bytes
    if (this.pendingCount++ === 0) {
      this.#standstill.begin(nowMs)
      this.#shell.startSweeping()
    }
    this.#route(call)
    if (this.#flushesDue === 0) this.#turnMs = undefined
  }

  abort(call: PendingCall, reason: unknown): void {
    if (call.state !== CallState.SETTLED) this.#fail(call, aborted(call, reason))
  }

  /** Goes by a newer topology from now on; the caller has checked that it is newer. */
  follow(topology: Topology): void {
    this.#topology = topology
    this.#inquiry.satisfied()
    const gone = this.#peers.adopt(topology)
    if (this.#peers.count <= this.#options.eagerServers)
      for (const peer of this.#peers) if (!peer.wanted) this.#connect(peer)
    const homeless = gone.map((peer) => this.#dismiss(peer))
    for (const peer of this.#peers) {
      homeless.push(peer.withdraw((call) => this.#ownerOf(call) !== peer))
      this.#noteMoves(peer)
    }
    for (const calls of homeless) for (const call of calls) this.#routeAgain(call)
    this.#wakeParked(this.#options.clock.now())
  }

  opened(peer: Peer, link: PeerLink): void {
    peer.opened(link)
    if (peer.hasQueue) this.#requestFlush(peer)
  }

  /** The link of this peer is gone; its calls go to whoever owns their slots. */
  lost(peer: Peer): void {
    if (this.#retiring.delete(peer)) this.#shell.disconnect(peer)
    else if (this.#peers.has(peer)) this.#shell.suspect(peer.server.id)
    for (const call of peer.reclaim()) this.#routeAgain(call)
  }

  /** The server closes the link because it can not read what was sent: sending that again would not help. */
  refusedLink(peer: Peer, error: IcfError): void {
    if (error.code !== 'PROTOCOL') return
    for (const call of peer.abandon(() => true)) this.#fail(call, error)
  }

  /** The link of this peer takes more again. */
  drained(peer: Peer): void {
    if (peer.unblock()) this.#requestFlush(peer)
  }

  flush(peer: Peer): void {
    peer.flush((this.#turnMs ??= this.#options.clock.now()))
    if (--this.#flushesDue === 0) this.#turnMs = undefined
  }

  /** @throws IcfError PROTOCOL when the frame is malformed */
  receive(peer: Peer, frame: FrameReader): void {
    if (frame.type !== MessageType.RESULTS)
      throw new IcfError('PROTOCOL', `a server can not send message ${frame.type}`)
    peer.heard()
    for (let left = limits.maxResultsPerFrame; !frame.isAtEnd;) {
      const firstId = frame.countTo(ID_END - 1, 'first id of a run in RESULTS')
      const count = frame.fixed32()
      left -= count
      if (count === 0 || left < 0)
        throw new IcfError(
          'PROTOCOL',
          `a run in RESULTS must have from 1 to ${left + count} results, got ${count}`,
        )
      for (let i = 0; i < count; i++) {
        const call = peer.take(firstId + i)
        if (call !== undefined) this.#answered(call, frame)
        else skipResult(frame, frame.byte())
      }
    }
    if (peer.hasQueue) this.#requestFlush(peer)
    if (peer.isIdle && this.#retiring.delete(peer)) this.#shell.disconnect(peer)
  }

  /** Deadlines, pauses and silent servers. @returns whether calls are pending still */
  sweep(): boolean {
    const nowMs = this.#options.clock.now()
    if (this.#standstill.isOver(nowMs)) return this.pendingCount > 0
    this.#wakeParked(nowMs)
    if (nowMs >= this.#nextDeadlineMs) this.#expire(nowMs)
    for (const peer of this.#peers) this.#checkPeer(peer, nowMs)
    for (const peer of this.#retiring) if (peer.silentMs(nowMs) >= pace.movedSilentMs) this.lost(peer)
    if (this.#inquiry.isDue(nowMs)) this.#shell.askTopology()
    return this.pendingCount > 0
  }

  /** Fails everything that is pending. */
  close(): void {
    this.#forEach((call) => this.#fail(call, closed(call)))
  }

  #ownerOf(call: PendingCall): Peer | undefined {
    return this.#peers.ownerOf(call.slot)
  }

  #route(call: PendingCall): void {
    const peer = this.#ownerOf(call)
    if (peer === undefined) return this.#parking.untilOwned(call)
    peer.enqueue(call)
    if (peer.link !== undefined) this.#requestFlush(peer)
    else if (!peer.wanted) this.#connect(peer)
  }

  #routeAgain(call: PendingCall): void {
    if (call.state !== CallState.SETTLED) this.#route(call)
  }

  #requestFlush(peer: Peer): void {
    if (peer.flushRequested || peer.blocked || peer.isPaced) return
    peer.flushRequested = true
    this.#flushesDue++
    this.#shell.flushSoon(peer)
  }

  #connect(peer: Peer): void {
    peer.wanted = true
    this.#shell.connect(peer)
  }

  /**
   * @param frame stands before the call's result, and afterwards behind it
   * @throws IcfError PROTOCOL when nobody can tell where that is
   */
  #answered(call: PendingCall, frame: FrameReader): void {
    const { at } = frame
    let value: unknown
    try {
      const tag = frame.byte()
      if (tag === ResultTag.ERROR) return this.#refused(call, readErrorResult(frame))
      value = readResult(call.code, frame, tag)
    } catch (error) {
      this.#fail(call, misanswered(call, error as IcfError))
      frame.at = at
      return skipResult(frame, frame.byte())
    }
    this.#settle(call)
    call.succeed(value)
  }

  #refused(call: PendingCall, refusal: ErrorResult): void {
    call.refusal = refusal
    call.refusals++
    const nowMs = this.#options.clock.now()
    const pauseMs = backoffMs(call.refusals, pace.busyMs, pace.busyAtMostMs, this.#options.random)
    switch (errorFromWire(refusal.wire)) {
      case 'BUSY':
      case 'UNREACHABLE':
        return this.#parking.untilTime(call, nowMs + pauseMs)
      case 'NOT_OWNER':
        break
      case 'OWNER_CHANGED':
        call.maybeDone = true
        break
      default:
        return this.#fail(call, refused(call))
    }
    const { epoch, version } = refusal
    if (compareVersions(epoch, version, this.#topology.epoch, this.#topology.version) > 0) {
      this.#inquiry.want(nowMs)
      return this.#parking.untilTopology(call, epoch, version, nowMs + pace.parkedAtMostMs)
    }
    // By our topology, at least as new, someone else may own it; when it keeps going round, it pauses in between.
    if (this.#ownerOf(call) !== call.peer && call.refusals <= 3) return this.#route(call)
    this.#inquiry.want(nowMs)
    this.#parking.untilTime(call, nowMs + pauseMs)
  }

  #wakeParked(nowMs: number): void {
    const awake = this.#parking.wake(this.#topology, nowMs, (call) => this.#ownerOf(call) !== undefined)
    for (const call of awake) this.#route(call)
  }

  /**
   * A server that died answers nothing any more. One that left in good order handed off its slots before, so what is in
   * flight there will be answered: sending a write twice is avoided where it can be.
   */
  #dismiss(peer: Peer): PendingCall[] {
    if (peer.server.state === 'leaving' && peer.link !== undefined && !peer.isIdle) {
      this.#retiring.add(peer)
      return peer.withdraw(() => true)
    }
    this.#shell.disconnect(peer)
    return peer.reclaim()
  }

  #noteMoves(peer: Peer): void {
    if (peer.isIdle || peer.movedAtMs !== undefined) return
    let moved = false
    peer.forEach((call) => (moved ||= this.#ownerOf(call) !== peer))
    if (moved) peer.movedAtMs = this.#options.clock.now()
  }

  #checkPeer(peer: Peer, nowMs: number): void {
    if (peer.blocked) this.drained(peer)
    if (peer.hasQueue) {
      peer.unpace()
      this.#requestFlush(peer)
    }
    const silentMs = peer.silentMs(nowMs)
    if (silentMs >= pace.silentMs) this.#shell.reconnect(peer)
    // That it is there is no answer: what is another server's by now does not wait for it.
    else if (silentMs >= pace.askPeerMs && peer.ask()) this.#noteMoves(peer)
    if (peer.movedAtMs === undefined || nowMs - peer.movedAtMs < pace.movedSilentMs) return
    peer.movedAtMs = undefined
    for (const call of peer.abandon((sent) => this.#ownerOf(sent) !== peer)) this.#routeAgain(call)
  }

  #expire(nowMs: number): void {
    let next = Infinity
    this.#forEach((call) => {
      if (call.deadlineMs <= nowMs) this.#fail(call, timedOut(call))
      else if (call.deadlineMs < next) next = call.deadlineMs
    })
    this.#nextDeadlineMs = next
    for (const peer of this.#peers) if (peer.link === undefined) peer.withdraw(() => false)
  }

  #forEach(visit: (call: PendingCall) => void): void {
    for (const peer of this.#peers) peer.forEach(visit)
    for (const peer of this.#retiring) peer.forEach(visit)
    this.#parking.forEach(visit)
  }

  #fail(call: PendingCall, error: IcfError): void {
    this.#settle(call)
    call.fail(error)
  }

  #settle(call: PendingCall): void {
    call.state = CallState.SETTLED
    if (call.writeNumber !== 0) this.#numbers.settle(call.writeNumber)
    this.pendingCount--
    this.pendingBytes -= call.bytes
    call.wire = undefined
    call.cleanup?.()
    call.cleanup = undefined
  }
}
