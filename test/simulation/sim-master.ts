import { defaultTiming, MessageType, errorToWire, IcfError, type ProbeOutcome } from '@icf/common'
import { MasterCore, type Effect, type Finding, type MasterEvent, type MasterState } from '@icf/master/core'
import { VirtualProcess, type DialResult, type End, type Network, type VirtualHello } from './network.js'
import type { World } from './world.js'

export const MASTER_ADDRESS = 'master:7000'

const TICK_MS = 25

/** The real core of a master, with a virtual disk, clock and network around it. */
export class SimMaster {
  readonly process: VirtualProcess
  readonly core: MasterCore
  readonly #links = new Map<number, End>()
  #nextLink = 1

  /** @param disk what survives the process */
  constructor(
    private readonly world: World,
    private readonly network: Network,
    private readonly disk: { state: MasterState | undefined },
  ) {
    this.process = new VirtualProcess(world, 'master')
    const stored = disk.state
    // Newer than any that servers may know: real masters take the time of day.
    const epoch = stored ? stored.topology.epoch + 1 : 1000 + Math.floor(world.now)
    const ring = { virtualNodes: 64, seed: 7 }
    const options = { epoch, timing: defaultTiming, ring, maxTransitionsPerServer: 1024, returnWindowMs: 500 }
    this.core = new MasterCore(world.now, stored ? { ...options, stored } : options)
    network.listen(MASTER_ADDRESS, {
      process: this.process,
      accept: (hello) => this.#accept(hello),
      opened: (end, hello) => this.#opened(end, hello),
    })
    this.process.every(TICK_MS, () => this.#step({ type: 'tick' }))
    this.#step({ type: 'started' })
  }

  shutdown(servers: readonly string[]): void {
    this.process.run(() => this.#step({ type: 'shutdown', request: 1, servers }))
  }

  #accept(hello: VirtualHello): VirtualHello {
    this.core.admit(hello)
    const { heartbeatIntervalMs, leaseMs, deadAfterMs } = defaultTiming
    return { role: 'master', id: '', details: [heartbeatIntervalMs, leaseMs, deadAfterMs] }
  }

  #opened(end: End, hello: VirtualHello): void {
    const link = this.#nextLink++
    this.#links.set(link, end)
    end.setHandlers({
      message: (message) => this.#step({ type: 'message', link, message }),
      close: () => {
        this.#links.delete(link)
        this.#step({ type: 'linkLost', link })
      },
    })
    this.#step({ type: 'linkOpened', link, hello })
  }

  #step(event: MasterEvent): void {
    for (const effect of this.core.step(this.world.now, event)) this.#carryOut(effect)
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect.state)
      case 'send':
        for (const link of effect.links) this.#links.get(link)?.send(effect.message)
        return
      case 'refuse': {
        const end = this.#links.get(effect.link)
        end?.send([MessageType.REFUSED, errorToWire(effect.error.code), effect.error.message])
        return end?.close()
      }
      case 'close':
        return this.#links.get(effect.link)?.close()
      case 'probe':
        return this.#probe(effect)
      case 'log':
        return this.world.log(`master: ${effect.text}`)
      case 'answer':
        return
    }
  }

  /** A disk takes its time; what it has is there after a restart. */
  #persist(state: MasterState): void {
    this.world.after(this.world.random.between(0.2, 8), () => {
      if (!this.process.isAlive) return
      this.disk.state = state
      this.world.log(`master: version ${state.topology.version} is safe`)
      this.process.run(() => this.#step({ type: 'persisted', version: state.topology.version }))
    })
  }

  #probe({ probe, server, timeoutMs }: Extract<Effect, { type: 'probe' }>): void {
    const done = (finding: Finding): void => this.#step({ type: 'probed', probe, finding })
    const hello: VirtualHello = { role: 'probe', id: '', details: [] }
    this.network.dial(this.process, `${server.host}:${server.port}`, hello, timeoutMs, (result) =>
      done(judge(result, server.id)),
    )
  }
}

/** What a dial says of the process that should be there. */
export function judge(result: DialResult, serverId: string): { outcome: ProbeOutcome; foundId?: string } {
  if (result.kind === 'refused') return { outcome: 'gone' }
  if (result.kind !== 'open') return { outcome: 'unknown' }
  result.end.close()
  const foundId = result.welcome.id
  return { outcome: foundId === serverId ? 'alive' : 'gone', foundId }
}

export function isFenced(error: unknown): boolean {
  return error instanceof IcfError && error.code === 'FENCED'
}
