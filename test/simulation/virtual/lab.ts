import { FRAME, type Address, type Socket, type SocketServer } from '@icf/common'
import { Network } from './network.js'
import { VirtualProcess } from './process.js'
import type { VirtualSocket } from './socket.js'
import { CALM, type Weather } from './weather.js'
import { World } from './world.js'

/** A small network for tests: a process `a` on the machine `ma`, and one `b` on `mb`, which listens. */
export class Lab {
  readonly world: World
  readonly network: Network
  readonly a: VirtualProcess
  readonly b: VirtualProcess
  readonly lines: string[] = []
  readonly address: Address = { host: 'mb', port: 7000 }
  server!: SocketServer
  /** What each end of the connection saw. */
  readonly seenByA: string[] = []
  readonly seenByB: string[] = []
  /** At the end of `b`. */
  accepted: Socket | undefined

  private constructor(seed: number, weather: Weather) {
    this.world = new World(seed, (line) => this.lines.push(line))
    this.network = new Network(this.world, weather)
    this.a = new VirtualProcess(this.network, { name: 'a', machine: 'ma' })
    this.b = new VirtualProcess(this.network, { name: 'b', machine: 'mb' })
  }

  static async start({
    seed = 1,
    weather = {},
  }: { seed?: number; weather?: Partial<Weather> } = {}): Promise<Lab> {
    const lab = new Lab(seed, { ...CALM, ...weather })
    lab.server = await lab.listen(lab.b)
    return lab
  }

  /** Lets so much time pass. */
  pass(ms: number): Promise<void> {
    return this.world.run(this.world.now + ms)
  }

  async listen(process: VirtualProcess, port = this.address.port): Promise<SocketServer> {
    const listening = process.runtime.listen({ host: process.machine, port })
    let server: SocketServer | undefined
    listening.then(
      (made) => (server = made),
      () => undefined,
    )
    await this.pass(0)
    server ??= await listening
    server.onConnection = (socket) => {
      this.accepted = socket
      this.note(socket, this.seenByB)
    }
    return server
  }

  /** A connection that is asked for. */
  connect(process = this.a, seen = this.seenByA): VirtualSocket {
    const socket = process.runtime.connect(this.address) as VirtualSocket
    this.note(socket, seen)
    return socket
  }

  /** A connection that is open. */
  async open(): Promise<VirtualSocket> {
    const socket = this.connect()
    await this.pass(10)
    this.seenByA.length = 0
    return socket
  }

  note(socket: Socket, seen: string[]): void {
    socket.on('open', () => seen.push('open'))
    socket.on('message', (frame) => seen.push(frame.length < 20 ? frame.toString() : `${frame.length} bytes`))
    socket.on('pong', () => seen.push('pong'))
    socket.on('error', (error) => seen.push(`error ${(error as NodeJS.ErrnoException).code}`))
    socket.on('close', () => seen.push('close'))
  }
}

/** Sends a text, or so many bytes. */
export function send(socket: Socket, content: string | number, sent?: () => void): void {
  socket.send(typeof content === 'string' ? Buffer.from(content) : Buffer.alloc(content), FRAME, sent)
}
