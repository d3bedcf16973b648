import {
  compareVersions,
  IcfError,
  isNewer,
  isTopologyUpdate,
  keepAliveMessage,
  Leaving,
  MessageType,
  NONE,
  readAuditSlots,
  readBackAck,
  readCompared,
  readLease,
  readListed,
  readTopologyUpdate,
  readUpdateVersion,
  seatOf,
  slotsAuditedMessage,
  topologyRequest,
  wholeTopologyMessage,
  type BackAck,
  type Clock,
  type FrameReader,
  type Message,
  type Topology,
} from '@icf/common'
import { applyTopology } from './apply-topology.js'
import { Auditor, type Difference } from './auditor.js'
import { ClientSession, type ClientFlow } from './client-session.js'
import { CommandRunner } from './command-runner.js'
import { Copier } from './copier.js'
import { hashSeedOf } from './key-hash.js'
import { Lease } from './lease.js'
import { Mender } from './mender.js'
import type { LinkPort } from './ports.js'
import { ReplicaChannel } from './replica-channel.js'
import { ReplicaIntake } from './replica-intake.js'
import { SlotTable } from './slot-table.js'
import { Store } from './store.js'
import { Sweeper } from './sweeper.js'
import { WriteLedger } from './write-ledger.js'
import { Writer } from './writer.js'

/** Entries that one slice of background work touches: well below a millisecond. */
const SLICE_ENTRIES = 500

/** For how long after a call copies give way to the next ones, in ms. */
const SERVED_MS = 1000

/** Answers that one turn puts into frames, about: a few milliseconds. */
const FLUSH_BYTES = 2 * 1024 * 1024

export interface CacheServerOptions {
  /** For how long something took: when it is, each input says. */
  readonly clock: Clock
  /** 40 hex characters, new for each incarnation. */
  readonly id: string
  /** Budget of all entries, primaries and backups, in bytes. */
  readonly budgetBytes: number
  /** Of the cluster: a power of two up to SLOT_COUNT, which is the default. */
  readonly slotCount?: number
  /** Sends to all masters that are connected: whoever is active hears it. What nobody hears is sent again by `masterConnected`, or in the next term. */
  toMaster(message: Message): void
  /** Call `flush` once the inputs of this turn are through. */
  flushSoon(): void
  /** Another topology is in force. Called by `flush`. */
  followed(topology: Topology): void
  /** A master begins a term: what was told before may not have come to it. */
  termBegan(): void
  /** Closes the link on which this primary sends: it connects anew, and sends again what was not acknowledged. */
  reconnect(serverId: string): void
  /** The server's backups of these slots turned out to lack writes; they are copied there anew. */
  mending(serverId: string, slots: readonly number[]): void
  /** The server's backup of the slot differed in these keys, and gets them anew. */
  differs(serverId: string, slot: number, differences: readonly Difference[]): void
  /** This incarnation is over: nothing more is sent. Called by `flush`. */
  ended(why: Ending): void
}

/** `fenced`: declared dead, all that it has is worth nothing. `released`: all was handed over, as it had asked. */
export type Ending = 'fenced' | 'released'

/**
 * One incarnation of a cache server, without sockets or timers: messages and time come in, messages go out through
 * ports. What the inputs of one turn cause goes out together, by `flush`.
 */
export class CacheServerCore {
  readonly id: string
  readonly lease = new Lease()
  readonly slots: SlotTable
  readonly store: Store
  readonly ledger: WriteLedger
  readonly writer: Writer
  readonly runner: CommandRunner
  readonly auditor: Auditor
  readonly #options: CacheServerOptions
  readonly #copier: Copier
  readonly #mender: Mender
  readonly #sweeper: Sweeper
  readonly #intake: ReplicaIntake
  readonly #channels = new Map<string, ReplicaChannel>()
  readonly #dirtyClients: ClientSession[] = []
  readonly #dirtyChannels: ReplicaChannel[] = []
  #lastChannelId = 0
  /** When a client sent something. */
  #servedAt = -Infinity
  #isFlushDue = false
  /** Clients or primaries sent something since the last `work`. */
  #hasServed = false
  /** Of values that are being received. */
  #incomingBytes = 0
  #leaving: Leaving = Leaving.NO
  #ending: Ending | undefined
  /** Of the master that wants slots compared. */
  #auditFor: LinkPort | undefined
  /** The topology as of the last `flush`. */
  #followed: Topology
  /** Newest epoch of which it is known that its master heard what is said here. */
  #heardInEpoch = 0

  constructor(options: CacheServerOptions) {
    this.id = options.id
    this.#options = options
    this.slots = new SlotTable(options.slotCount)
    this.store = new Store(options.budgetBytes, options.slotCount, hashSeedOf(options.id))
    this.#followed = this.slots.topology
    this.ledger = new WriteLedger(this.slots, this.store, {
      drained: (slot) => this.#copier.drained(slot),
      abandoned: () => this.runner.ownerChanged(),
    })
    this.writer = new Writer(this.slots, this.store, this.ledger)
    this.#sweeper = new Sweeper(this.slots, this.store, this.writer)
    const { slots, store, writer, ledger, lease } = this
    this.runner = new CommandRunner(options.clock, slots, store, writer, ledger, lease, () => this.#reserve())
    this.#copier = new Copier(this.slots, this.store, {
      toMaster: options.toMaster,
      isDrained: (slot) => this.ledger.isDrained(slot),
      isAnyoneServed: (now) => now - this.#servedAt < SERVED_MS,
    })
    this.#mender = new Mender(this.slots, this.store, this.ledger)
    this.auditor = new Auditor(this.slots, this.store, this.writer, {
      audited: (result) => this.#auditFor?.send(slotsAuditedMessage(result)),
      differs: (serverId, slot, differences) => options.differs(serverId, slot, differences),
    })
    this.#intake = new ReplicaIntake(
      this.slots,
      this.store,
      () => this.writer.enforceBudget(),
      (serverId) => options.reconnect(serverId),
    )
  }

  // --- clients

  /** @param clientId which the client keeps when it connects anew; '' when it has none */
  openClient(port: LinkPort, clientId: string, flow?: ClientFlow): ClientSession {
    return new ClientSession(port, clientId, this.#dirtyClients, flow)
  }

  /** The client's link is closed, or replaced: nothing that it sent and is not done is done any more. */
  clientLost(client: ClientSession): void {
    this.runner.leave(client)
  }

  /** More of the client's answers have gone. @throws IcfError PROTOCOL */
  clientAdvanced(client: ClientSession): void {
    this.runner.resume(client)
    this.#dirty()
  }

  /** @throws IcfError PROTOCOL */
  clientData(client: ClientSession, frame: FrameReader, now: number): void {
    if (frame.type !== MessageType.COMMANDS) throw unexpected('client', frame.type)
    this.#servedAt = now
    this.#hasServed = true
    this.runner.runFrame(client, frame, now)
    this.#dirty()
  }

  // --- other servers, as their primary

  /**
   * The link to `serverId` is open.
   * @param canCompare whether that takes COMPARE and LIST
   * @param takesAnyKey whether it takes keys of any bytes
   */
  peerConnected(serverId: string, port: LinkPort, canCompare = false, takesAnyKey = false): void {
    const channel = this.#channelTo(serverId)
    channel.connected(port, canCompare, takesAnyKey)
    this.runner.peerConnected()
    this.auditor.connected(channel)
    this.#dirty()
  }

  peerLost(serverId: string): void {
    this.#channels.get(serverId)?.disconnected()
  }

  /** Number of the oldest batch that was sent to `serverId` on its link and is not acknowledged; undefined: all are. */
  owedBy(serverId: string): number | undefined {
    return this.#channels.get(serverId)?.owed
  }

  /** Names the channel to `serverId`: HELLO tells it. */
  channelIdTo(serverId: string): number {
    return this.#channelTo(serverId).id
  }

  /** What a backup answers. @throws IcfError PROTOCOL */
  peerMessage(serverId: string, port: LinkPort, message: Message, now: number): void {
    const channel = this.#channels.get(serverId)
    if (!channel || channel.port !== port) return
    if (message[0] === MessageType.KEYS_COMPARED)
      this.auditor.compared(channel, readCompared(message, this.slots.count))
    else if (message[0] === MessageType.KEYS_LISTED)
      this.auditor.listed(channel, readListed(message, this.slots.count))
    else this.#exchangeTopology(port, message, now)
    this.#dirty()
  }

  /** @throws IcfError PROTOCOL */
  peerData(serverId: string, port: LinkPort, frame: FrameReader, now: number): void {
    const channel = this.#channels.get(serverId)
    if (!channel || channel.port !== port) return
    if (frame.type !== MessageType.BACK_ACK) throw unexpected('backup', frame.type)
    this.#acknowledged(channel, readBackAck(frame, this.slots.count), now)
    this.#dirty()
  }

  // --- other servers, as their backup

  /** @param channel by its HELLO, as whether it takes keys of any bytes */
  primaryConnected(serverId: string, channel: number, port: LinkPort, takesAnyKey = false): void {
    this.#intake.connected(serverId, channel, port, takesAnyKey)
  }

  primaryLost(serverId: string, port: LinkPort): void {
    this.#intake.disconnected(serverId, port)
  }

  /** @throws IcfError PROTOCOL */
  primaryMessage(serverId: string, port: LinkPort, message: Message, now: number): void {
    this.#exchangeTopology(port, message, now)
    this.#dirty()
  }

  /** @throws IcfError PROTOCOL */
  primaryData(serverId: string, port: LinkPort, frame: FrameReader, now: number): void {
    if (frame.type !== MessageType.KEY_VALUE_RESPONCE_BACK) throw unexpected('primary', frame.type)
    this.#hasServed = true
    this.#intake.receive(serverId, port, frame, now)
    this.#dirty()
  }

  // --- masters, of which one is active

  /** A link to one more is open. @param leaseMs how long its answers let this server serve */
  masterConnected(leaseMs: number): void {
    this.lease.masterConnected(leaseMs)
    this.#heardInEpoch = this.slots.topology.epoch
    this.#copier.masterConnected()
    this.#dirty()
  }

  /** No link to any is left. */
  masterLost(): void {
    for (const slot of this.#copier.masterLost()) this.runner.releaseSlot(slot)
    this.#dirty()
  }

  /** @throws IcfError PROTOCOL */
  masterMessage(port: LinkPort, message: Message, now: number): void {
    const [type] = message
    if (type === MessageType.KEEP_ALIVE) {
      if (this.lease.answered(readLease(message))) this.runner.leaseRenewed(now)
    } else if (isTopologyUpdate(message)) {
      this.#receiveTopology(port, message, now)
      this.#heardOfTerm(message)
    } else if (type === MessageType.AUDIT_SLOTS) this.#audit(port, message)
    else if (type === MessageType.RELEASED) this.#end('released')
    else if (type === MessageType.DISTRIBUTION_REQUEST) port.send(wholeTopologyMessage(this.slots.topology))
    else throw new IcfError('PROTOCOL', `a master can not send message ${String(type)}`)
    this.#dirty()
  }

  /** From now on heartbeats ask the master to take everything off this server. */
  leave(): void {
    if (this.#leaving !== Leaving.NO) return
    const { servers } = this.slots.topology
    const hasHeir = servers.some(
      (server) => server && server.id !== this.id && server.state === 'active' && server.weight > 0,
    )
    this.#leaving = hasHeir ? Leaving.HAND_OVER : Leaving.GIVE_UP
  }

  /** @param rssBytes memory of the whole process */
  heartbeat(rssBytes: number, now: number): void {
    const { epoch, version } = this.slots.topology
    const { evictions, backupEvictions } = this.writer
    const load = {
      ...this.store.counts(),
      evictions,
      backupEvictions,
      commands: this.runner.commandsRun,
      rssBytes,
    }
    const [leaving, { answeredBeat }] = [this.#leaving, this.lease]
    const beat = this.lease.beat(now)
    this.#options.toMaster(keepAliveMessage({ beat, leaving, epoch, version, load, answeredBeat }))
  }

  /** No master process exists at any address, which we began to find out at `at`. */
  masterProvenGone(at: number, now: number): void {
    if (this.lease.masterProvenGone(at, now)) this.runner.leaseRenewed(now)
    this.#dirty()
  }

  // --- time

  /** A slice of work that nobody waits for; true when more is left. */
  work(now: number): boolean {
    this.#hasServed = false
    this.store.work(SLICE_ENTRIES)
    this.store.history.forget(now)
    for (const channel of this.#channels.values()) channel.elapse(now)
    const more = this.#sweeper.sweep(SLICE_ENTRIES, now)
    if (this.#isAnythingUnderWay) this.#dirty()
    return more || this.store.hasBackgroundWork
  }

  /** Whether `work` may have something to do before the next heartbeat. */
  get isBusy(): boolean {
    return this.#hasServed || this.#isAnythingUnderWay || this.store.hasBackgroundWork
  }

  /** Whether a flush may have something to do, though no input came. */
  get #isAnythingUnderWay(): boolean {
    return (
      this.#isCopying ||
      this.runner.longWrites.bytes > 0 ||
      this.#dirtyClients.length > 0 ||
      this.#dirtyChannels.length > 0
    )
  }

  get #isCopying(): boolean {
    return this.#copier.isAtWork || this.#mender.isAtWork || this.auditor.isAtWork
  }

  /** Bytes on their way to backups. */
  get replicationBytes(): number {
    let bytes = 0
    for (const channel of this.#channels.values()) bytes += channel.bytesInFlight
    return bytes
  }

  /** Makes room for values that are being received: so many bytes of the budget are theirs. */
  reserve(bytes: number): void {
    this.#incomingBytes = bytes
    this.#reserve()
    this.#dirty()
  }

  /** Long writes that wait make room for one of them, as if it were stored already. */
  #reserve(): void {
    const { longWrites, maxValueBytes } = this.runner
    this.store.reservedBytes = this.#incomingBytes + Math.min(longWrites.bytes, maxValueBytes)
    this.writer.enforceBudget()
  }

  /** Whether so many bytes wait to go to backups that the client should wait: of its own long values, or of what has run. */
  isBehind(client: ClientSession, bytes: number): boolean {
    const { longWrites } = this.runner
    return this.replicationBytes > bytes || (longWrites.has(client) && longWrites.bytes > bytes)
  }

  get isMember(): boolean {
    return this.slots.seat !== NONE
  }

  /** It must not answer anything more. */
  get isOver(): boolean {
    return this.#ending !== undefined
  }

  /** Adopts a topology if it is newer than the present one. */
  adopt(topology: Topology, now: number): void {
    const { slots } = this
    if (!isNewer(topology, slots.topology)) return
    const seat = seatOf(topology, this.id)
    // Versions never restart: a lower one is of a master that does not know what this server has.
    const isForeign = topology.version < slots.topology.version
    if (this.isMember && (seat === NONE || isForeign)) this.#end('fenced')
    slots.seat = seat
    for (const channel of this.#channels.values()) channel.follow(topology.epoch, topology.version)
    const channelTo = (id: string): ReplicaChannel => this.#channelTo(id)
    const effects = applyTopology(slots, this.store, this.#copier, topology, this.id, channelTo)
    this.ledger.retarget(this.#channels.values(), effects.isCopyLost, now)
    for (const [{ peerId }, mended] of this.#mender.topologyChanged(this.#channels.values()))
      this.#options.mending(peerId, mended)
    for (const id of [...this.#channels.keys()]) if (seatOf(topology, id) === NONE) this.#channels.delete(id)
    for (const slot of effects.released) this.runner.releaseSlot(slot)
    this.runner.topologyChanged()
    this.#intake.topologyChanged()
    this.#dirty()
  }

  /** Whoever is active asks: what another one asked before is over. @throws IcfError PROTOCOL */
  #audit(port: LinkPort, message: Message): void {
    if (this.auditor.begin(readAuditSlots(message, this.slots.count))) this.#auditFor = port
  }

  /** @throws IcfError PROTOCOL */
  #receiveTopology(port: LinkPort, message: Message, now: number): void {
    const topology = readTopologyUpdate(message, this.slots.topology)
    if (topology) this.adopt(topology, now)
    else port.send(topologyRequest)
  }

  /** Links outlive terms: whoever is active in a new one has not heard what was said before. */
  #heardOfTerm(message: Message): void {
    const { epoch } = readUpdateVersion(message)
    if (epoch <= this.#heardInEpoch) return
    this.#heardInEpoch = epoch
    this.#copier.masterConnected()
    this.#options.termBegan()
  }

  #dirty(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    this.#options.flushSoon()
  }

  #acknowledged(channel: ReplicaChannel, ack: BackAck, now: number): void {
    const { number, epoch, version, refused } = ack
    channel.elapse(now)
    if (refused.length === 0) return channel.acknowledge(number, this.ledger.acknowledged)
    const slots = new Set(refused)
    channel.acknowledge(number, this.ledger.acknowledged, slots)
    const mine = this.slots.topology
    if (compareVersions(epoch, version, mine.epoch, mine.version) > 0) {
      channel.refusedByNewer(epoch, version)
      for (const slot of slots) this.#mender.refusedByNewer(slot, channel, number)
      return channel.port?.send(topologyRequest)
    }
    let hasBegun = false
    for (const slot of slots) if (this.#copier.refused(slot, channel, number)) hasBegun = true
    const mended = refused.filter((slot) => this.#mender.refused(slot, channel, number))
    this.ledger.retarget(this.#channels.values(), hasBegun, now)
    if (mended.length > 0) this.#options.mending(channel.peerId, mended)
  }

  /** Two servers tell each other the topology when one knows a newer one. @throws IcfError PROTOCOL */
  #exchangeTopology(port: LinkPort, message: Message, now: number): void {
    if (message[0] === MessageType.DISTRIBUTION_RESPOND) this.#receiveTopology(port, message, now)
    else if (message[0] === MessageType.DISTRIBUTION_REQUEST)
      port.send(wholeTopologyMessage(this.slots.topology))
    else throw new IcfError('PROTOCOL', `a cache server can not send message ${String(message[0])} here`)
  }

  /** The first reason counts. */
  #end(why: Ending): void {
    this.#ending ??= why
    this.#dirty()
  }

  #channelTo(serverId: string): ReplicaChannel {
    let channel = this.#channels.get(serverId)
    if (!channel) {
      channel = new ReplicaChannel(
        serverId,
        ++this.#lastChannelId,
        this.#dirtyChannels,
        this.#copier,
        () => this.#dirty(),
        this.slots.count,
      )
      channel.follow(this.slots.topology.epoch, this.slots.topology.version)
      this.#channels.set(serverId, channel)
    }
    return channel
  }

  #tellTopology(): void {
    const { topology } = this.slots
    if (topology === this.#followed) return
    this.#followed = topology
    this.#options.followed(topology)
  }

  /**
   * Sends what the inputs since the last time caused: at most one message to each peer.
   * @param now asked only where there is more to do than that: it costs as much as a small command
   */
  flush(now: () => number): void {
    if (this.#ending) return this.#options.ended(this.#ending)
    this.#isFlushDue = false
    this.#tellTopology()
    this.runner.endTurn()
    if (this.runner.hasMore || this.#isCopying) this.#goOn(now())
    for (let next = this.#dirtyChannels.shift(); next; next = this.#dirtyChannels.shift()) next.flush()
    if (this.#intake.flush()) this.#dirty()
    this.#flushClients()
  }

  /** With what takes more than one turn. */
  #goOn(now: number): void {
    for (const channel of this.#channels.values()) channel.elapse(now)
    this.runner.runLongWrites(now)
    if (this.runner.runBacklog(now)) this.#dirty()
    this.#mender.advance(now)
    if (this.#copier.advance(now)) this.#dirty()
    if (this.auditor.advance(now)) this.#dirty()
  }

  #flushClients(): void {
    const clients = this.#dirtyClients
    for (let bytes = 0; clients.length > 0 && bytes < FLUSH_BYTES;) bytes += clients.shift()!.flush()
    if (clients.length > 0) this.#dirty()
  }
}

function unexpected(who: string, type: number): IcfError {
  return new IcfError('PROTOCOL', `a ${who} can not send message ${type}`)
}
