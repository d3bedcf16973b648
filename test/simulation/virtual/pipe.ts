import { Queue } from './queue.js'
import { delayMs, type Weather } from './weather.js'
import type { Random } from '@icf/testkit/random'
import type { World } from './world.js'

export const PacketKind = {
  /** A piece of a frame whose end comes later. */
  PIECE: 0,
  UPGRADE: 1,
  UPGRADED: 2,
  FRAME: 3,
  PING: 4,
  PONG: 5,
  CLOSE: 6,
  FIN: 7,
  RST: 8,
} as const

/** What a kernel is given to send. */
export interface Packet {
  readonly kind: number
  /** The sender's own bytes, until the kernel has taken all of them: it has a copy then. */
  frame: Uint8Array | undefined
  /** Bytes, with headers, that the kernel has not taken yet; on its way: of the last piece. */
  bytes: number
  /** When it arrives. */
  at: number
  readonly sent: (() => void) | undefined
}

/** Without content. */
export function bare(kind: number, bytes = 0, sent?: () => void): Packet {
  return { kind, frame: undefined, bytes, at: 0, sent }
}

/** After a cut of so long a sender tries again at least this often. */
const MAX_RETRANSMIT_MS = 2000

interface PipeEnds {
  /** Something can be read. */
  readable(): void
  /** There is room to send again. */
  writable(): void
}

/** One direction of a TCP connection: what the kernel of the sender took, what is on its way, and what the other's has. */
export class Pipe {
  /** The other direction. */
  reverse!: Pipe
  /** Nobody reads from it any more: what comes is answered with a reset. */
  isReaderGone = false
  /** A reset came: nothing can be sent back. */
  isReset = false
  /** What comes to the delay of each packet that is sent from now on, in ms. */
  delayMs = 0
  #isCut = false
  #cutAt = 0
  readonly #flight = new Queue<Packet>()
  readonly #arrived = new Queue<Packet>()
  #arrivedBytes = 0
  #isAwaited = false
  #lastArrival = 0
  /** When the line has sent what it was given. */
  #busyUntil = 0
  /** On its way, or not read yet, or not confirmed as read. */
  #outstandingBytes = 0
  readonly #pieceBytes: number
  /** Read, and not confirmed. */
  #readBytes = 0
  #ackBytes = 0
  #isAckOwed = false
  #isResetOwed = false
  #isWriterGone = false
  /** There was no room for the last packet. */
  #isFull = false
  /** Something on the way answers with a reset whatever is sent. */
  #isBroken = false
  /** What was sent can not be confirmed since then: a way is cut. Each time has a number of its own. */
  #isUnconfirmed = false
  #unconfirmedTimes = 0
  /** After so long without a confirmation, the kernel of the sender gives up. */
  readonly #giveUpMs: number
  /** The kernel of the sender knows of no connection any more, … */
  #isGivenUp = false
  /** … or that of the reader. */
  #isUnknown = false

  constructor(
    private readonly world: World,
    private readonly random: Random,
    private readonly weather: Weather,
    private readonly isLocal: boolean,
    private readonly writer: Pick<PipeEnds, 'writable'>,
    private readonly reader: Pick<PipeEnds, 'readable'>,
  ) {
    this.#pieceBytes = weather.windowBytes / 4
    this.#giveUpMs = weather.giveUpMs * random.between(1, 2)
  }

  get isCut(): boolean {
    return this.#isCut
  }

  /** A way that is cut loses everything; TCP sends it again some time after the way is back. */
  set isCut(isCut: boolean) {
    if (isCut === this.#isCut) return
    this.#isCut = isCut
    if (isCut) this.#cutAt = this.world.now
    else this.#heal()
    this.#lookForConfirmation()
    this.reverse.#lookForConfirmation()
  }

  /** Bytes that arrived and were not read. */
  get unreadBytes(): number {
    return this.#arrivedBytes
  }

  /** Whether there is anything to read. */
  get hasUnread(): boolean {
    return this.#arrived.length > 0
  }

  /** The kernel takes what it has room for of the packet; true when that is all of it. */
  take(packet: Packet): boolean {
    if (this.#isGivenUp) return true
    if (this.#isBroken) {
      this.reverse.reset()
      return true
    }
    const room = this.weather.windowBytes
    this.#isFull = false
    while (packet.bytes > this.#pieceBytes) {
      if (this.#outstandingBytes + this.#pieceBytes > room) return this.#refuse()
      packet.bytes -= this.#pieceBytes
      this.#launch(bare(PacketKind.PIECE, this.#pieceBytes))
    }
    if (this.#outstandingBytes + packet.bytes > room) return this.#refuse()
    if (packet.frame) packet.frame = Buffer.from(packet.frame)
    if (packet.kind === PacketKind.FIN) this.#isWriterGone = true
    this.#launch(packet)
    return true
  }

  /** The next packet that arrived. */
  read(): Packet | undefined {
    const packet = this.#arrived.shift()
    if (!packet) return undefined
    this.#arrivedBytes -= packet.bytes
    this.#readBytes += packet.bytes
    if (this.#readBytes >= this.#pieceBytes) this.#acknowledge()
    return packet
  }

  /** A packet is lost, and sent again in vain for a while: what is sent from now on arrives after so many ms, or later. */
  holdUp(ms: number): void {
    this.#lastArrival = Math.max(this.#lastArrival, this.world.now + ms)
  }

  /** The sending process closed it: behind what the kernel took comes the end of it. */
  end(): void {
    this.#close(PacketKind.FIN)
  }

  /** Tells the reader that the connection is no more. */
  reset(): void {
    if (this.isReaderGone) return
    if (this.#isCut) this.#isResetOwed = true
    else this.#launch(bare(PacketKind.RST))
  }

  /** The sending process closed it without having read everything. */
  endUnread(): void {
    this.#close(PacketKind.RST)
  }

  /** Something between the ends breaks the connection. */
  breakDown(): void {
    this.#isBroken = true
    this.#flight.clear()
    this.reset()
  }

  /** The sending machine lost its power. */
  vanish(): void {
    this.#isWriterGone = true
    this.#flight.clear()
  }

  /** Nobody will read what comes, and so it is answered with a reset. */
  get #isUnread(): boolean {
    return this.isReaderGone || this.#isUnknown
  }

  #refuse(): false {
    this.#isFull = true
    return false
  }

  /** A kernel that has no room asks whether there is some: one that knows of no connection says so. */
  #probe(): void {
    if (this.#isFull && this.#isUnread && !this.#isCut) this.#launch(bare(PacketKind.PIECE))
  }

  #close(kind: number): void {
    if (this.#isWriterGone) return
    this.#isWriterGone = true
    if (!this.#isLeftUndone()) this.#launch(bare(kind))
  }

  /** While the way is cut, a kernel gives up what no process waits for any more; it may have luck before that. */
  #isLeftUndone(): boolean {
    if (!this.#isCut || this.random.chance(this.weather.orphanChance)) return false
    this.#flight.clear()
    return true
  }

  #launch(packet: Packet): void {
    const { world, weather } = this
    this.#outstandingBytes += packet.bytes
    this.#busyUntil = Math.max(this.#busyUntil, world.now) + packet.bytes / weather.bytesPerMs
    const ms = this.delayMs + delayMs(weather, this.random, this.isLocal)
    packet.at = Math.max(this.#lastArrival, this.#busyUntil + ms)
    this.#lastArrival = packet.at
    this.#flight.push(packet)
    this.#awaitArrival()
    if (this.#isCut || this.reverse.#isCut) this.#awaitConfirmation()
  }

  /** A way was cut, or is back. */
  #lookForConfirmation(): void {
    if (!this.#isCut && !this.reverse.#isCut) this.#isUnconfirmed = false
    else if (this.#flight.length > 0) this.#awaitConfirmation()
  }

  #awaitConfirmation(): void {
    if (this.#isUnconfirmed || this.#giveUpMs === Infinity) return
    this.#isUnconfirmed = true
    const time = ++this.#unconfirmedTimes
    this.world.afterQuietly(this.#giveUpMs, () => {
      if (this.#isUnconfirmed && this.#unconfirmedTimes === time) this.#giveUp()
    })
  }

  /** Its process learns it behind what came before. The other end does when it sends something that comes here. */
  #giveUp(): void {
    this.#isGivenUp = true
    this.#isWriterGone = true
    this.#flight.clear()
    const incoming = this.reverse
    if (incoming.isReaderGone || incoming.#isUnknown) return
    incoming.#isUnknown = true
    incoming.isReset = true
    incoming.#arrived.push(bare(PacketKind.RST))
    incoming.reader.readable()
  }

  #awaitArrival(): void {
    const next = this.#flight.first
    if (!next || this.#isAwaited || this.#isCut) return
    this.#isAwaited = true
    this.world.afterQuietly(Math.max(0, next.at - this.world.now), this.#arrive)
  }

  readonly #arrive = (): void => {
    this.#isAwaited = false
    if (this.#isCut) return
    let hasData = false
    for (let next = this.#flight.first; next && next.at <= this.world.now; next = this.#flight.first) {
      this.#flight.shift()
      if (next.kind === PacketKind.RST) this.isReset = true
      else hasData = true
      if (this.#isUnread) continue
      this.#arrived.push(next)
      this.#arrivedBytes += next.bytes
    }
    this.#awaitArrival()
    if (this.#isUnread) {
      if (hasData) this.reverse.reset()
    } else if (this.#arrived.length > 0) this.reader.readable()
  }

  /** One confirmation at a time is on its way, for all that was read before it left. */
  #acknowledge(): void {
    if (this.#ackBytes > 0) return
    if (this.reverse.isCut) {
      this.#isAckOwed = true
      return
    }
    this.#ackBytes = this.#readBytes
    this.#readBytes = 0
    this.world.afterQuietly(delayMs(this.weather, this.random, this.isLocal), this.#acknowledged)
  }

  readonly #acknowledged = (): void => {
    const bytes = this.#ackBytes
    this.#ackBytes = 0
    if (this.reverse.isCut) {
      this.#readBytes += bytes
      this.#isAckOwed = true
      return
    }
    this.#outstandingBytes -= bytes
    if (this.#readBytes >= this.#pieceBytes) this.#acknowledge()
    this.writer.writable()
  }

  #heal(): void {
    const cutMs = this.world.now - this.#cutAt
    const again = this.world.now + this.random.next() * Math.min(cutMs, MAX_RETRANSMIT_MS)
    this.#lastArrival = Math.max(this.#lastArrival, again)
    this.#flight.forEach((packet) => (packet.at = Math.max(packet.at, again)))
    this.#awaitArrival()
    if (this.#isResetOwed) {
      this.#isResetOwed = false
      this.reset()
    }
    this.#probe()
    this.reverse.#probe()
    if (this.reverse.#isAckOwed) {
      this.reverse.#isAckOwed = false
      this.reverse.#acknowledge()
    }
  }
}
