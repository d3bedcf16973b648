import { EventEmitter, once } from 'node:events'
import { toVersion1, type Address, type Introduction, type Message } from '@icf/common'
import { listen, nodeRuntime, StagingBudget, type Link, type Listener } from '@icf/common/node'

const HOST = '127.0.0.1'

/**
 * Any process of a cluster, on a real port of this machine: it is what it says of itself, and records what it gets. Emits
 * `opened` (link), `message` (link, message) and `closed` (link).
 */
export class FakeProcess extends EventEmitter {
  readonly links = new Set<Link>()
  /** Of all who came, refused ones included. */
  readonly hellos: Introduction[] = []
  readonly received: Message[] = []
  /** Throws what somebody is to be refused with. */
  admit: ((hello: Introduction) => void) | undefined
  /** The same after `stop`. */
  address: Address = { host: HOST, port: 0 }
  #listener: Listener | undefined

  constructor(readonly self: Introduction) {
    super()
  }

  async start(port = 0): Promise<void> {
    this.#listener = await listen(nodeRuntime, { host: HOST, port }, this.self.cluster, {
      introduce: () => this.self,
      admit: (hello) => {
        this.hellos.push(hello)
        this.admit?.(hello)
      },
      staging: () => new StagingBudget(Infinity),
      opened: (link) => this.#opened(link),
    })
    this.address = this.#listener.address
  }

  /** As a killed process: connections break, and new ones are refused. */
  async stop(): Promise<void> {
    await this.#listener?.close()
    this.#listener = undefined
  }

  get port(): number {
    return this.address.port
  }

  async until(event: string, condition: () => boolean): Promise<void> {
    while (!condition()) await once(this, event)
  }

  #opened(link: Link): void {
    this.links.add(link)
    link.handlers = {
      message: (message) => this.#received(link, message),
      data: (frame) => this.#received(link, toVersion1(frame, frame.ahead)),
      close: () => {
        this.links.delete(link)
        this.emit('closed', link)
      },
    }
    this.emit('opened', link)
  }

  /** Those of the data path as arrays. */
  #received(link: Link, message: Message): void {
    this.received.push(message)
    this.emit('message', link, message)
  }
}
