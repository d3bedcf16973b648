import {
  errorFromWire,
  IcfError,
  MessageType,
  readMasters,
  type LoggedEvent,
  type Message,
} from '@icf/common'
import { dial, nodeRuntime, type Address, type Link } from '@icf/common/node'

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: IcfError) => void
  readonly timer: NodeJS.Timeout
}

/** An operator's connection to one master. */
export class AdminLink {
  readonly #link: Link
  readonly #pending = new Map<number, Pending>()
  #nextNumber = 1
  #isRetired = false
  #isClosed = false
  /** Entries of the event log, after EVENTS with `follow`. */
  onEvent: (entry: LoggedEvent) => void = () => undefined
  /** It broke. */
  onClose: () => void = () => undefined

  /** Those that the master knows, as it said when the link opened. */
  readonly masters: readonly Address[]

  /** @throws IcfError PROTOCOL */
  private constructor(link: Link) {
    this.masters = readMasters(link.remote, 'admin')
    this.#link = link
    link.handlers = { message: (message) => this.#receive(message), close: () => this.#lost() }
  }

  /** @throws IcfError UNREACHABLE, TIMEOUT, PROTOCOL, or the refusal */
  static async dial(address: Address, cluster: string, timeoutMs: number): Promise<AdminLink> {
    const self = { role: 'admin', cluster, id: '', details: [] } as const
    const link = await dial(nodeRuntime, address, self, timeoutMs)
    try {
      return new AdminLink(link)
    } catch (error) {
      link.terminate()
      throw error
    }
  }

  /** `host:port` of the master. */
  get address(): string {
    return this.#link.remoteAddress
  }

  /** @throws IcfError what the master answered, TIMEOUT, or UNREACHABLE when the connection breaks */
  request(name: string, args: object, timeoutMs: number): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(this.#connectionLost())
    const number = this.#nextNumber++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#take(number)
        reject(
          new IcfError('TIMEOUT', `master ${this.address} did not answer ${name} within ${timeoutMs} ms`),
        )
      }, timeoutMs)
      this.#pending.set(number, { resolve, reject, timer })
      this.#link.send([MessageType.ADMIN_REQUEST, number, name, args])
    })
  }

  /** Closes as soon as all that was asked has its answer. */
  retire(): void {
    this.#isRetired = true
    if (this.#pending.size === 0) this.close()
  }

  close(): void {
    this.#isClosed = true
    // Nothing is under way that the master would have to agree to.
    this.#link.terminate()
  }

  #receive(message: Message): void {
    if (message[0] === MessageType.EVENT) return this.onEvent(message[1] as LoggedEvent)
    if (message[0] !== MessageType.ADMIN_RESPONSE) return
    const [, number, isDone, result, text] = message
    const pending = this.#take(number as number)
    if (isDone === true) pending?.resolve(result)
    else pending?.reject(new IcfError(errorFromWire(result), String(text)))
  }

  #take(number: number): Pending | undefined {
    const pending = this.#pending.get(number)
    clearTimeout(pending?.timer)
    this.#pending.delete(number)
    if (this.#isRetired && this.#pending.size === 0) this.close()
    return pending
  }

  #lost(): void {
    const wasClosed = this.#isClosed
    this.#isClosed = true
    for (const { reject, timer } of this.#pending.values()) {
      clearTimeout(timer)
      reject(this.#connectionLost())
    }
    this.#pending.clear()
    if (!wasClosed) this.onClose()
  }

  #connectionLost(): IcfError {
    return new IcfError('UNREACHABLE', `the connection to master ${this.address} broke`)
  }
}
