import type { Message, Role } from '@icf/common'
import type { World } from './world.js'

export interface VirtualHello {
  readonly role: Role
  readonly id: string
  readonly details: readonly unknown[]
}

export interface Handlers {
  message(message: Message): void
  close(): void
}

/** Something that runs: it can be killed, and it can be stopped and go on, with all that came meanwhile still to do. */
export class VirtualProcess {
  isAlive = true
  #backlog: (() => void)[] | undefined
  readonly ends = new Set<End>()

  constructor(
    readonly world: World,
    readonly name: string,
  ) {}

  get isStopped(): boolean {
    return this.#backlog !== undefined
  }

  /** Does it now, or when the process goes on, or never when it is dead. */
  run(job: () => void): void {
    if (!this.isAlive) return
    if (this.#backlog) this.#backlog.push(job)
    else job()
  }

  every(intervalMs: number, job: () => void): void {
    let isDue = false
    const tick = (): void => {
      if (!this.isAlive) return
      // A stopped process finds one tick of each timer when it goes on, not all that it missed.
      if (!isDue) {
        isDue = true
        this.run(() => {
          isDue = false
          job()
        })
      }
      this.world.after(intervalMs, tick)
    }
    this.world.after(this.world.random.between(0, intervalMs), tick)
  }

  stop(): void {
    this.#backlog ??= []
  }

  goOn(): void {
    const backlog = this.#backlog
    this.#backlog = undefined
    for (const job of backlog ?? []) this.run(job)
  }

  kill(): void {
    this.isAlive = false
    for (const end of [...this.ends]) end.breakDown()
  }
}

/** One end of an open link. Messages arrive in order, each after a delay of its own. */
export class End {
  peer!: End
  handlers: Handlers | undefined
  isOpen = true
  #lastArrival = 0
  readonly #early: Message[] = []

  constructor(
    readonly process: VirtualProcess,
    private readonly world: World,
    private readonly latencyMs: () => number,
  ) {
    process.ends.add(this)
  }

  send(message: Message): void {
    if (!this.isOpen) return
    this.#arrive(() => {
      if (!this.peer.isOpen) return
      if (this.peer.handlers) this.peer.handlers.message(message)
      else this.peer.#early.push(message)
    })
  }

  stage(bytes: Uint8Array, ready: (staged: object) => void): void {
    ready(bytes)
  }

  setHandlers(handlers: Handlers): void {
    this.handlers = handlers
    for (const message of this.#early.splice(0)) handlers.message(message)
    if (!this.isOpen) handlers.close()
  }

  /** This side closes: the other hears of it after what was sent before. */
  close(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.process.ends.delete(this)
    this.#arrive(() => this.peer.#closed())
    if (this.process.isAlive) this.world.after(0, () => this.process.run(() => this.handlers?.close()))
  }

  /** The process died: what it had sent arrives still, what was on its way to it is lost. */
  breakDown(): void {
    this.close()
  }

  /** The connection was reset: what was on its way in either direction is lost. */
  reset(): void {
    if (!this.isOpen) return
    const ends = [this, this.peer]
    for (const end of ends) {
      end.isOpen = false
      end.process.ends.delete(end)
      this.world.after(this.latencyMs(), () => end.process.run(() => end.handlers?.close()))
    }
  }

  #closed(): void {
    if (!this.isOpen) return
    this.isOpen = false
    this.process.ends.delete(this)
    this.handlers?.close()
  }

  #arrive(job: () => void): void {
    this.#lastArrival = Math.max(this.#lastArrival, this.world.now + this.latencyMs())
    this.world.after(this.#lastArrival - this.world.now, () => this.peer.process.run(job))
  }
}

export interface Listening {
  readonly process: VirtualProcess
  /** Who answers, in WELCOME; throws to refuse. */
  accept(hello: VirtualHello): VirtualHello
  opened(end: End, hello: VirtualHello): void
}

export type DialResult =
  | { readonly kind: 'open'; readonly end: End; readonly welcome: VirtualHello }
  | { readonly kind: 'refused' | 'timeout' }
  | { readonly kind: 'rejected'; readonly error: unknown }

/** Who listens where, and the delays between. */
export class Network {
  readonly #listening = new Map<string, Listening>()

  constructor(
    private readonly world: World,
    private readonly latencyMs: () => number,
  ) {}

  listen(address: string, listening: Listening): void {
    this.#listening.set(address, listening)
  }

  dial(
    from: VirtualProcess,
    address: string,
    hello: VirtualHello,
    timeoutMs: number,
    result: (outcome: DialResult) => void,
  ): void {
    let isOver = false
    const finish = (outcome: DialResult): void => {
      if (isOver) {
        if (outcome.kind === 'open') outcome.end.close()
        return
      }
      isOver = true
      from.run(() => result(outcome))
    }
    this.world.after(timeoutMs, () => finish({ kind: 'timeout' }))
    this.world.after(this.latencyMs(), () => {
      const target = this.#listening.get(address)
      if (!target?.process.isAlive)
        return this.world.after(this.latencyMs(), () => finish({ kind: 'refused' }))
      target.process.run(() => this.#accept(from, target, hello, finish))
    })
  }

  #accept(
    from: VirtualProcess,
    target: Listening,
    hello: VirtualHello,
    finish: (outcome: DialResult) => void,
  ): void {
    let welcome: VirtualHello
    try {
      welcome = target.accept(hello)
    } catch (error) {
      return this.world.after(this.latencyMs(), () => finish({ kind: 'rejected', error }))
    }
    const near = new End(from, this.world, this.latencyMs)
    const far = new End(target.process, this.world, this.latencyMs)
    near.peer = far
    far.peer = near
    // WELCOME goes first: whatever the acceptor sends next arrives after it.
    this.world.after(this.latencyMs(), () => finish({ kind: 'open', end: near, welcome }))
    target.opened(far, hello)
  }
}
