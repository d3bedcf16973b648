import type { Address, Runtime, Socket, SocketServer, Timer } from '@icf/common'
import { Random } from '@icf/testkit/random'
import type { Network } from './network.js'
import type { VirtualSocket } from './socket.js'
import { VirtualTimer } from './timer.js'
import type { World } from './world.js'

const START_OF_TIME_MS = Date.UTC(2026, 0, 1)

interface ProcessOptions {
  /** One of its own. */
  readonly name: string
  /** Its host, which it may share with others. */
  readonly machine: string
  /** How fast its clock goes: 1.03 gains 3 %. */
  readonly rate?: number
  /** What its clock says when the world begins, in milliseconds. */
  readonly offsetMs?: number
  /** How far its time of day is ahead of the world's; negative: behind. In milliseconds. */
  readonly wallOffsetMs?: number
}

interface MidTurn {
  readonly end: 'stop' | 'kill'
  sends: number
  hasBegun: boolean
  /** Asked when it is about to come to that. */
  mayEnd(): boolean
}

/**
 * One process on one machine. Its code runs in turns, each an event of the world; a stopped process has its turns when it
 * goes on, a dead one never.
 */
export class VirtualProcess {
  readonly name: string
  readonly machine: string
  readonly world: World
  readonly random: Random
  readonly runtime: Runtime
  /** Of its kernel, also those that it does not know yet. */
  readonly sockets = new Set<VirtualSocket>()
  /** How far its time of day is ahead: whoever changes that sets its clock. */
  wallOffsetMs: number
  readonly #rate: number
  /** What its clock said, and at what time of the world. */
  #clockMs: number
  #clockSetAt: number
  #isClockStill = false
  #isAlive = true
  #isStopped = false
  #midTurn: MidTurn | undefined
  /** What it did in the turn in which it was stopped, after that. */
  #effects: (() => void)[] = []
  #timers: VirtualTimer[] = []
  /** An entry for each arrival, and for each time when there was room to send again. */
  #ready: VirtualSocket[] = []
  #backlog: { readonly what: string; readonly job: () => void }[] = []
  #immediates: (() => void)[] = []

  constructor(
    readonly network: Network,
    { name, machine, rate = 1, offsetMs = 0, wallOffsetMs = 0 }: ProcessOptions,
  ) {
    this.world = network.world
    this.name = name
    this.machine = machine
    this.random = new Random(this.world.random.integer(0, 2 ** 32))
    this.wallOffsetMs = wallOffsetMs
    this.#rate = rate
    this.#clockMs = offsetMs + this.world.now * rate
    this.#clockSetAt = this.world.now
    this.runtime = virtualRuntime(this)
    network.add(this)
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  get canRun(): boolean {
    return this.#isAlive && !this.#isStopped
  }

  /** What its clock says, in milliseconds. */
  now(): number {
    if (this.#isClockStill) return this.#clockMs
    return this.#clockMs + (this.world.now - this.#clockSetAt) * this.#rate
  }

  /** How long the world takes until its clock says `clockMs`; 0 when it is past that. */
  untilMs(clockMs: number): number {
    const left = clockMs - this.now()
    // What is left of rounding is no time.
    return left < 1e-6 ? 0 : left / this.#rate
  }

  /** Does the job in a turn of its own now, or when the process goes on, or never when it is dead. */
  turn(what: string, job: () => void): void {
    if (this.#midTurn?.hasBegun) this.#endMidTurn()
    if (!this.#isAlive) return
    if (this.#isStopped) return void this.#backlog.push({ what, job })
    if (this.#midTurn) this.#beginMidTurn(this.#midTurn)
    this.world.countTurn()
    if (this.world.trace) this.world.log(`${this.name}: ${what}`)
    job()
  }

  /** At this instant, in an event of its own. */
  soon(what: string, job: () => void): void {
    this.world.afterQuietly(0, () => this.turn(what, job))
  }

  /** What its code does to its kernel: at once; or when it goes on, if it was stopped within this turn; or never. */
  effect(run: () => void): void {
    if (this.#isStopped) this.#effects.push(run)
    else if (this.#isAlive) run()
  }

  /** Like SIGSTOP: only its kernel lives on. `isClockStill`: like a virtual machine that is suspended. */
  stop(isClockStill = false): void {
    if (this.#isStopped || !this.#isAlive) return
    if (this.world.trace) this.world.log(`${this.name} stops`)
    this.#isStopped = true
    if (isClockStill) this.#setClock(true)
  }

  /** Goes on: first what it was doing, then timers that are overdue, then what its sockets bring. */
  goOn(): void {
    if (!this.canRun && this.#isAlive) {
      if (this.world.trace) this.world.log(`${this.name} goes on`)
      this.#isStopped = false
      this.#setClock(false)
      for (const effect of this.#effects.splice(0)) effect()
      for (const socket of new Set(this.#ready)) this.world.afterQuietly(0, socket.writable)
      for (const timer of this.#timers.splice(0)) this.world.afterQuietly(0, timer.check)
      for (const socket of this.#readyInSomeOrder()) this.world.afterQuietly(0, socket.ready)
      for (const { what, job } of this.#backlog.splice(0)) this.soon(what, job)
      for (const job of this.#immediates.splice(0)) this.setImmediate(job)
    }
  }

  /** Ends at once, whatever it was doing; its kernel closes what it had open. */
  kill(): void {
    this.#end(false)
  }

  /** Its machine lost its power: nobody is told. */
  vanish(): void {
    this.#end(true)
  }

  /** Stops in its next turn, when that has sent so many frames more, or at the end of it. */
  stopMidTurn(sends: number): void {
    this.#midTurn = { end: 'stop', sends, hasBegun: false, mayEnd: () => true }
  }

  /** Dies in its next turn, when that has sent so many frames more, or at the end of it; if it may at that moment. */
  killMidTurn(sends: number, mayEnd = (): boolean => true): void {
    this.#midTurn = { end: 'kill', sends, hasBegun: false, mayEnd }
  }

  /** It is about to send a frame. */
  countSend(): void {
    const midTurn = this.#midTurn
    if (midTurn?.hasBegun && midTurn.sends-- === 0) this.#endMidTurn()
  }

  holdTimer(timer: VirtualTimer): void {
    this.#timers.push(timer)
  }

  holdSocket(socket: VirtualSocket): void {
    if (this.#isAlive) this.#ready.push(socket)
  }

  setImmediate(job: () => void): void {
    this.world.afterAllElse(() => {
      if (this.#isStopped) this.#immediates.push(job)
      else this.turn('immediate', job)
    })
  }

  #end(isUnnoticed: boolean): void {
    if (!this.#isAlive) return
    if (this.world.trace) this.world.log(`${this.name} dies`)
    this.#isAlive = false
    this.#isStopped = false
    this.#effects = []
    this.#timers = []
    this.#ready = []
    this.#backlog = []
    this.#immediates = []
    this.network.remove(this)
    for (const socket of this.sockets) socket.abandon(isUnnoticed)
    this.sockets.clear()
  }

  #setClock(isStill: boolean): void {
    if (this.#isClockStill === isStill) return
    this.#clockMs = this.now()
    this.#clockSetAt = this.world.now
    this.#isClockStill = isStill
  }

  #beginMidTurn(midTurn: MidTurn): void {
    midTurn.hasBegun = true
    this.world.afterQuietly(0, () => {
      if (this.#midTurn === midTurn) this.#endMidTurn()
    })
  }

  #endMidTurn(): void {
    const midTurn = this.#midTurn
    this.#midTurn = undefined
    if (!midTurn?.mayEnd()) return
    if (midTurn.end === 'kill') this.kill()
    else this.stop()
  }

  /** As things came, or one socket after the other. */
  #readyInSomeOrder(): VirtualSocket[] {
    const arrivals = this.#ready.splice(0)
    if (this.random.chance(0.5)) return arrivals
    return [...new Set(arrivals)].flatMap((socket) => arrivals.filter((each) => each === socket))
  }
}

function virtualRuntime(process: VirtualProcess): Runtime {
  return {
    now: () => process.now(),
    wallTimeMs: () => Math.floor(START_OF_TIME_MS + process.world.now + process.wallOffsetMs),
    random: () => process.random.next(),
    newId: () => process.random.hex(40),
    setTimeout: (run: () => void, delayMs: number): Timer => new VirtualTimer(process, run, delayMs, false),
    setInterval: (run: () => void, intervalMs: number): Timer =>
      new VirtualTimer(process, run, intervalMs, true),
    setImmediate: (run: () => void): void => process.setImmediate(run),
    clear: (timer: Timer | undefined): void => (timer as VirtualTimer | undefined)?.clear(),
    connect: (address: Address): Socket => process.network.connect(process, address),
    listen: (address: Address): Promise<SocketServer> => process.network.listen(process, address),
  }
}
