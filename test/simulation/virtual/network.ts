import { isIPv6 } from 'node:net'
import { IcfError, SocketState, type Address, type SocketServer } from '@icf/common'
import { Random } from '@icf/testkit/random'
import { Pipe } from './pipe.js'
import type { VirtualProcess } from './process.js'
import { VirtualServer } from './server.js'
import { systemError, VirtualSocket } from './socket.js'
import { delayMs, type Weather } from './weather.js'
import type { World } from './world.js'

/** A connection that is asked for and not answered is asked for again after so long, and then twice as long each time. */
const FIRST_RETRY_MS = 1000
const CONNECT_TIMEOUT_MS = 20_000

const FIRST_FREE_PORT = 49_152

const HOST = /^[^\s:/?#@[\]\\]+$/

/** Itself, whatever its machine. */
const LOOPBACK: readonly string[] = ['localhost', '127.0.0.1', '::1']
const ANY: readonly string[] = ['0.0.0.0', '::']

/** A process, or a machine with all that is on it. */
export type Place = VirtualProcess | string

interface Connection {
  /** The end that connected. */
  readonly near: VirtualSocket
  readonly far: VirtualSocket
  readonly there: Pipe
  readonly back: Pipe
}

/** Machines, who listens where on them, and the ways between. Whoever has no name of its own is reached by its machine's. */
export class Network {
  readonly random: Random
  /** Told of each frame as it is read, before its receiver is. */
  heard: ((from: VirtualProcess, to: VirtualProcess, frame: Buffer) => void) | undefined
  /** Told of each frame that a process has sent over its end of a connection. */
  sent: ((from: VirtualSocket, to: VirtualProcess, frame: Uint8Array) => void) | undefined
  /** The machine of each host name: of machines, and of processes, also of those that ran once. */
  readonly #hosts = new Map<string, string>()
  /** Without power. */
  readonly #down = new Set<string>()
  /** Living ones by name. */
  readonly #processes = new Map<string, VirtualProcess>()
  /** By machine and port. */
  readonly #servers = new Map<string, VirtualServer>()
  /** As `from>to`, of names of processes and machines. */
  readonly #cuts = new Set<string>()
  /** In ms, by way. */
  readonly #delays = new Map<string, number>()
  readonly #connections = new Set<Connection>()
  /** With so many connections it is time to look which are no more. */
  #forgetAt = 64
  /** The last free port given, by machine. */
  readonly #lastPorts = new Map<string, number>()

  constructor(
    readonly world: World,
    readonly weather: Weather,
  ) {
    this.random = new Random(world.random.integer(0, 2 ** 32))
  }

  /** A process begins; its machine has power again if it had none. */
  add(process: VirtualProcess): void {
    if (this.#processes.has(process.name)) throw new Error(`${process.name} runs already`)
    this.#processes.set(process.name, process)
    this.#hosts.set(process.machine, process.machine)
    this.#hosts.set(process.name, process.machine)
    if (this.#down.delete(process.machine)) this.#lookAtWays()
  }

  /** A process ended: its ports are free. */
  remove(process: VirtualProcess): void {
    this.#processes.delete(process.name)
    for (const [key, server] of this.#servers) if (server.process === process) this.#servers.delete(key)
  }

  /** Every process of the machine dies, and nobody is told. */
  machineDown(machine: string): void {
    this.#down.add(machine)
    this.#lookAtWays()
    for (const process of this.#processes.values()) if (process.machine === machine) process.vanish()
  }

  /** From now on packets vanish between the two; `oneWay`: only those from `a` to `b`. */
  cut(a: Place, b: Place, { oneWay = false } = {}): void {
    this.#cuts.add(way(a, b))
    if (!oneWay) this.#cuts.add(way(b, a))
    this.#lookAtWays()
  }

  /** Undoes every `cut` of the same two. */
  heal(a: Place, b: Place): void {
    this.#cuts.delete(way(a, b))
    this.#cuts.delete(way(b, a))
    this.#lookAtWays()
  }

  /**
   * From now on whatever the one sends the other is on its way for so many ms longer; 0: no longer than usual. Only
   * connections are slow, not the asking for one.
   */
  delay(from: VirtualProcess, to: VirtualProcess, ms: number): void {
    if (ms > 0) this.#delays.set(way(from, to), ms)
    else this.#delays.delete(way(from, to))
    this.#lookAtWays()
  }

  /** What this end of a connection sends from now on arrives after so many ms, or later; all else goes on. */
  holdUp(socket: VirtualSocket, ms: number): void {
    for (const { near, far, there, back } of this.#connections)
      if (near === socket) there.holdUp(ms)
      else if (far === socket) back.holdUp(ms)
  }

  healAll(): void {
    this.#cuts.clear()
    this.#delays.clear()
    this.#lookAtWays()
  }

  /** Cuts each of one group off from each of the other. */
  partition(groupA: readonly Place[], groupB: readonly Place[]): void {
    for (const a of groupA) {
      for (const b of groupB) {
        this.#cuts.add(way(a, b))
        this.#cuts.add(way(b, a))
      }
    }
    this.#lookAtWays()
  }

  /** Whether packets from the one to the other vanish. */
  isCut(from: VirtualProcess, to: VirtualProcess): boolean {
    return (
      this.#isDown(from.machine, to.machine) ||
      this.#isAnyCut([from.name, from.machine], [to.name, to.machine])
    )
  }

  /** Connections between the two processes, from the end of the first; oldest first. */
  socketsBetween(a: VirtualProcess, b: VirtualProcess): VirtualSocket[] {
    const sockets: VirtualSocket[] = []
    this.#forget()
    for (const { near, far } of this.#connections) {
      if (near.process === a && far.process === b) sockets.push(near)
      else if (near.process === b && far.process === a) sockets.push(far)
    }
    return sockets
  }

  /** Something between the ends breaks the connection: both hear of it where they can. */
  reset(socket: VirtualSocket): void {
    socket.reset()
  }

  /** @throws IcfError UNREACHABLE for what is no address */
  connect(process: VirtualProcess, address: Address): VirtualSocket {
    const { host, port } = address
    const isHost = HOST.test(host) || isIPv6(host)
    if (!isHost || !Number.isInteger(port) || port < 1 || port > 65535)
      throw new IcfError('UNREACHABLE', `can not reach ${host}:${port}: that is not a host and a port`)
    const socket = new VirtualSocket(process)
    process.effect(() => this.#ask(socket, address, this.world.now, FIRST_RETRY_MS))
    return socket
  }

  /** @throws IcfError INVALID_ARGUMENT when the address can not be bound */
  listen(process: VirtualProcess, address: Address): Promise<SocketServer> {
    const { host } = address
    const port = address.port === 0 ? this.#freePort(process.machine) : address.port
    const key = `${process.machine}:${port}`
    const isOwn = ANY.includes(host) || this.#machineOf(host, process) === process.machine
    const reason = !isOwn
      ? systemError('EADDRNOTAVAIL', 'address not available')
      : this.#servers.has(key)
        ? systemError('EADDRINUSE', 'another process listens there: choose another port')
        : undefined
    const server = new VirtualServer(process, { host, port }, () => {
      if (this.#servers.get(key) === server) this.#servers.delete(key)
    })
    if (!reason) process.effect(() => this.#servers.set(key, server))
    return new Promise((resolve, reject) => {
      process.soon('listens', () => {
        if (!reason) return resolve(server)
        reject(
          new IcfError('INVALID_ARGUMENT', `can not listen on ${host}:${port}: ${reason.message}`, {
            cause: reason,
          }),
        )
      })
    })
  }

  /** Sends the first packet of a connection. */
  #ask(socket: VirtualSocket, address: Address, startedAt: number, retryMs: number): void {
    const { process } = socket
    if (!isWaiting(socket)) return
    const where = `${address.host}:${address.port}`
    const machine = this.#machineOf(address.host, process)
    if (machine === undefined) {
      const cause = systemError('ENOTFOUND', `getaddrinfo ENOTFOUND ${address.host}`)
      return this.world.afterQuietly(delayMs(this.weather, this.random, true), () => socket.failed(cause))
    }
    const isLocal = machine === process.machine
    this.world.afterQuietly(delayMs(this.weather, this.random, isLocal), () => {
      if (!isWaiting(socket)) return
      const server = this.#servers.get(`${machine}:${address.port}`)
      const names = server ? [server.process.name, machine] : this.#namesAt(address.host, machine)
      const isCut =
        this.#isDown(process.machine, machine) ||
        this.#isAnyCut([process.name, process.machine], names) ||
        this.#isAnyCut(names, [process.name, process.machine])
      if (!isCut) {
        if (server) return this.#establish(socket, server, isLocal)
        const refused = systemError('ECONNREFUSED', `connect ECONNREFUSED ${where}`)
        return this.world.afterQuietly(delayMs(this.weather, this.random, isLocal), () =>
          socket.failed(refused),
        )
      }
      const leftMs = startedAt + CONNECT_TIMEOUT_MS - this.world.now
      if (leftMs > retryMs)
        return this.world.afterQuietly(retryMs, () => this.#ask(socket, address, startedAt, 2 * retryMs))
      const timedOut = systemError('ETIMEDOUT', `connect ETIMEDOUT ${where}`)
      this.world.afterQuietly(Math.max(0, leftMs), () => socket.failed(timedOut))
    })
  }

  /** The kernel of the one who listens accepts; the other learns of it a little later. */
  #establish(near: VirtualSocket, server: VirtualServer, isLocal: boolean): void {
    const { world, random, weather } = this
    const far = new VirtualSocket(server.process, { server, machine: near.process.machine })
    const there = new Pipe(world, random, weather, isLocal, near, far)
    const back = new Pipe(world, random, weather, isLocal, far, near)
    there.reverse = back
    back.reverse = there
    const connection = { near, far, there, back }
    if (this.#connections.size >= this.#forgetAt) this.#forget()
    this.#connections.add(connection)
    this.#slowDown(connection)
    far.attach(there, back, near.process)
    near.attach(back, there, server.process)
    world.afterQuietly(delayMs(weather, random, isLocal), () => near.connected())
  }

  #lookAtWays(): void {
    this.#forget()
    for (const connection of this.#connections) {
      const { near, far, there, back } = connection
      there.isCut = this.isCut(near.process, far.process)
      back.isCut = this.isCut(far.process, near.process)
      this.#slowDown(connection)
    }
  }

  #slowDown({ near, far, there, back }: Connection): void {
    there.delayMs = this.#delays.get(way(near.process, far.process)) ?? 0
    back.delayMs = this.#delays.get(way(far.process, near.process)) ?? 0
  }

  /** Drops the connections that both ends have closed. */
  #forget(): void {
    for (const connection of this.#connections)
      if (connection.there.isReaderGone && connection.back.isReaderGone) this.#connections.delete(connection)
    this.#forgetAt = 2 * this.#connections.size + 64
  }

  #isDown(a: string, b: string): boolean {
    return this.#down.has(a) || this.#down.has(b)
  }

  #isAnyCut(from: readonly string[], to: readonly string[]): boolean {
    return this.#cuts.size > 0 && from.some((a) => to.some((b) => this.#cuts.has(`${a}>${b}`)))
  }

  /** By which names an address is cut off where nobody listens. */
  #namesAt(host: string, machine: string): string[] {
    return host === machine ? [machine] : [host, machine]
  }

  #machineOf(host: string, process: VirtualProcess): string | undefined {
    return LOOPBACK.includes(host) ? process.machine : this.#hosts.get(host)
  }

  #freePort(machine: string): number {
    let port = (this.#lastPorts.get(machine) ?? FIRST_FREE_PORT - 1) + 1
    while (this.#servers.has(`${machine}:${port}`)) port++
    this.#lastPorts.set(machine, port)
    return port
  }
}

function way(from: Place, to: Place): string {
  return `${nameOf(from)}>${nameOf(to)}`
}

function isWaiting(socket: VirtualSocket): boolean {
  return socket.process.isAlive && socket.readyState === SocketState.CONNECTING
}

function nameOf(place: Place): string {
  return typeof place === 'string' ? place : place.name
}
