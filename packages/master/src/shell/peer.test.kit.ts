import assert from 'node:assert/strict'
import { MessageType, type Message } from '@icf/common'
import { dial, nodeRuntime, type Address, type Link } from '@icf/common/node'
import { setImmediate } from 'node:timers/promises'

/** Of the cluster that the masters of these tests have. */
const CLUSTER = 'test'

type At = { readonly address: Address }

/** One end of a link: asks, and waits for messages by their type. */
export class Peer {
  readonly inbox: Message[] = []
  isClosed = false
  #wake: () => void = () => undefined
  #request = 0

  constructor(readonly link: Link) {
    link.handlers = {
      message: (message) => {
        this.inbox.push(message)
        this.#wake()
      },
      close: () => {
        this.isClosed = true
        this.#wake()
      },
    }
  }

  /** The next message of this type, which is taken out of the inbox. */
  async next(type: number): Promise<Message> {
    for (;;) {
      const at = this.inbox.findIndex((message) => message[0] === type)
      if (at !== -1) return this.inbox.splice(at, 1)[0]!
      assert.ok(!this.isClosed, 'the link is closed')
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async closed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  /** Resolves when the other end has read all that was sent to it. */
  async read(): Promise<void> {
    this.link.takeHeard()
    this.link.ping()
    while (!this.link.takeHeard()) await setImmediate()
  }

  /** An admin request; the result, or the number and text of the error. */
  async ask(name: string, args: unknown = {}): Promise<unknown> {
    const request = ++this.#request
    this.link.send([MessageType.ADMIN_REQUEST, request, name, args])
    const [, number, isDone, ...rest] = await this.next(MessageType.ADMIN_RESPONSE)
    assert.equal(number, request)
    return isDone === true ? rest[0] : rest
  }
}

export async function connect({ address }: At, role: 'admin' | 'client'): Promise<Peer> {
  return new Peer(await dial(nodeRuntime, address, { role, cluster: CLUSTER, id: '', details: [] }, 2000))
}

/** A cache server: its id is this letter, time and again. */
export async function enter({ address }: At, name: string, { epoch = 0, version = 0 } = {}): Promise<Peer> {
  const details = ['127.0.0.1', name.charCodeAt(0), 0, '', 1, 1e6, epoch, version]
  const self = { role: 'cache-server', cluster: CLUSTER, id: name.repeat(40), details } as const
  return new Peer(await dial(nodeRuntime, address, self, 2000))
}
