import {
  decodeTopology,
  errorFromWire,
  isWrite,
  keySlot,
  MessageType,
  REPEAT,
  type Message,
  type Topology,
} from '@icf/common'
import { VirtualProcess, type End, type Network } from './network.js'
import { MASTER_ADDRESS } from './sim-master.js'
import type { World } from './world.js'

const REDIAL_MS = 30
const RETRY_MS = 15

export interface Call {
  readonly id: number
  readonly code: number
  readonly key: string
  readonly args: readonly unknown[]
  readonly done: (result: unknown) => void
  /** Of a write that was sent already. */
  number: number
  sentTo: string | undefined
}

/** A client of the simplest kind: one command a frame, sent again until it is answered. */
export class SimClient {
  readonly process: VirtualProcess
  topology: Topology | undefined
  readonly #calls = new Map<number, Call>()
  readonly #links = new Map<string, End | 'dialing'>()
  #master: End | undefined
  #nextId = 1
  #nextNumber = 1

  constructor(
    private readonly world: World,
    private readonly network: Network,
    name: string,
  ) {
    this.process = new VirtualProcess(world, name)
    this.#dialMaster()
  }

  get pending(): readonly Call[] {
    return [...this.#calls.values()]
  }

  call(code: number, key: string, args: readonly unknown[], done: (result: unknown) => void): void {
    const call: Call = { id: this.#nextId++, code, key, args, done, number: 0, sentTo: undefined }
    this.#calls.set(call.id, call)
    this.#send(call)
  }

  #send(call: Call): void {
    if (!this.#calls.has(call.id)) return
    call.sentTo = undefined
    const { topology } = this
    const server = topology?.servers[topology.primary[keySlot(call.key)]!]
    if (!topology || !server) return this.#later(call)
    const link = this.#links.get(server.id)
    if (!link) this.#dial(server.id, `${server.host}:${server.port}`)
    if (!link || link === 'dialing') return this.#later(call)
    call.sentTo = server.id
    const repeat = call.number === 0 ? [] : [REPEAT, call.number]
    const header = [MessageType.COMMANDS, topology.epoch, topology.version, call.id, this.#nextNumber]
    link.send([...header, this.#settledBelow(), ...repeat, call.code, call.key, ...call.args])
    if (isWrite(call.code) && call.number === 0) call.number = this.#nextNumber++
  }

  #settledBelow(): number {
    const sent = [...this.#calls.values()].map(({ number }) => number).filter((number) => number > 0)
    return Math.min(this.#nextNumber, ...sent)
  }

  #later(call: Call): void {
    this.world.after(RETRY_MS, () => this.process.run(() => this.#send(call)))
  }

  #dial(serverId: string, address: string): void {
    this.#links.set(serverId, 'dialing')
    const hello = { role: 'client', id: this.process.name, details: [] } as const
    this.network.dial(this.process, address, hello, 500, (result) => {
      if (result.kind !== 'open' || result.welcome.id !== serverId) {
        if (result.kind === 'open') result.end.close()
        this.#links.delete(serverId)
        return
      }
      const { end } = result
      this.#links.set(serverId, end)
      end.setHandlers({
        message: (message) => this.#results(serverId, message),
        close: () => this.#lost(serverId, end),
      })
    })
  }

  #lost(serverId: string, end: End): void {
    if (this.#links.get(serverId) === end) this.#links.delete(serverId)
    for (const call of this.#calls.values()) if (call.sentTo === serverId) this.#later(call)
  }

  #results(serverId: string, message: Message): void {
    for (let at = 1; at < message.length;) {
      const [first, count] = [message[at] as number, message[at + 1] as number]
      for (let i = 0; i < count; i++) this.#result(serverId, first + i, message[at + 2 + i])
      at += 2 + count
    }
  }

  #result(serverId: string, id: number, result: unknown): void {
    const call = this.#calls.get(id)
    if (!call || call.sentTo !== serverId) return
    if (Array.isArray(result) && result[0] === -1) {
      const code = errorFromWire(result[1])
      if (code !== 'NOT_OWNER' && code !== 'BUSY') throw new Error(`${code}: ${String(result[2])}`)
      call.sentTo = undefined
      return this.#later(call)
    }
    this.#calls.delete(id)
    call.done(result)
  }

  #dialMaster(): void {
    const again = (): void => this.world.after(REDIAL_MS, () => this.process.run(() => this.#dialMaster()))
    this.network.dial(
      this.process,
      MASTER_ADDRESS,
      { role: 'client', id: '', details: [] },
      1000,
      (result) => {
        if (result.kind !== 'open') return again()
        this.#master = result.end
        result.end.setHandlers({ message: (message) => this.#masterMessage(message), close: again })
      },
    )
  }

  #masterMessage(message: Message): void {
    const topology = decodeTopology(message[1], this.topology)
    if (!topology) return this.#master?.send([MessageType.DISTRIBUTION_REQUEST])
    if (this.topology && topology.epoch <= this.topology.epoch && topology.version <= this.topology.version)
      return
    this.topology = topology
    const ids = new Set(topology.servers.map((server) => server?.id))
    for (const [id, link] of this.#links)
      if (!ids.has(id)) {
        this.#links.delete(id)
        if (link !== 'dialing') link.close()
        for (const call of this.#calls.values()) if (call.sentTo === id) this.#later(call)
      }
  }
}
