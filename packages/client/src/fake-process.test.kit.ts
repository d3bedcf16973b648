import { EventEmitter, once } from 'node:events'
import type { Introduction, Message } from '@icf/common'
import { listen, nodeRuntime, StagingBudget, type Link, type Listener } from '@icf/common/node'

export const HOST = '127.0.0.1'

/** Emits `opened`, `message` (link, message), `closed`. */
export class FakeProcess extends EventEmitter {
  readonly links = new Set<Link>()
  readonly received: Message[] = []
  port = 0
  #listener: Listener | undefined
  accept: ((hello: Introduction) => void) | undefined

  constructor(
    readonly cluster: string,
    readonly self: () => Introduction,
  ) {
    super()
  }

  async start(port = 0): Promise<void> {
    this.#listener = await listen(nodeRuntime, { host: HOST, port }, this.cluster, {
      introduce: () => this.self(),
      admit: (hello) => this.accept?.(hello),
      staging: () => new StagingBudget(Infinity),
      opened: (link) => {
        this.links.add(link)
        link.handlers = {
          message: (message) => {
            this.received.push(message)
            this.emit('message', link, message)
          },
          close: () => {
            this.links.delete(link)
            this.emit('closed', link)
          },
        }
        this.emit('opened', link)
      },
    })
    this.port = this.#listener.address.port
  }

  /** As a killed process: connections break, and new ones are refused. */
  async stop(): Promise<void> {
    await this.#listener?.close()
    this.#listener = undefined
  }

  async until(event: string, condition: () => boolean): Promise<void> {
    while (!condition()) await once(this, event)
  }
}
