import type { LinkPort } from './ports.js'

export interface LongValue {
  readonly bytes: Uint8Array
  /** On which it went ahead. */
  port: LinkPort | undefined
  /** By which a frame on that link names it. */
  id: number
}

interface ValueAhead extends LongValue {
  /** It is on its way, but nothing will name it. */
  isWithdrawn: boolean
}

export interface ValuesAheadPorts {
  /** Whether all that names values has been sent. */
  isClear(): boolean
  /** A value has gone ahead: what names it may be put in. */
  arrived(): void
  /** Nothing will name it: the peer shall forget it. */
  discard(value: LongValue): void
}

/**
 * Long values that go to a peer before anything that names them is put into the channel, while that goes on: one by one, and
 * each stays the first until it is named. So the peer never keeps more of them than that, and one for which the channel waits.
 */
export class ValuesAhead {
  #port: LinkPort | undefined
  readonly #values: ValueAhead[] = []
  /** The link on which the first of them is on its way. */
  #sendingOn: LinkPort | undefined

  constructor(private readonly ports: ValuesAheadPorts) {}

  /** What had not gone ahead goes anew, by `advance`. */
  connected(port: LinkPort): void {
    this.disconnected()
    this.#port = port
  }

  disconnected(): void {
    this.#port = undefined
    this.#sendingOn = undefined
    if (this.#values[0]?.isWithdrawn) this.#values.shift()
  }

  /** Unless it is sent already. */
  send(bytes: Uint8Array): void {
    if (this.#find(bytes) >= 0) return
    this.#values.push({ bytes, port: undefined, id: 0, isWithdrawn: false })
    this.advance()
  }

  /** Whether it has gone ahead, be it on a link that broke since. */
  has(bytes: Uint8Array): boolean {
    return this.#find(bytes) === 0 && this.#values[0]!.port !== undefined
  }

  /** What names the value is put in. @returns the value, if it has gone ahead */
  take(bytes: Uint8Array): LongValue | undefined {
    if (this.has(bytes)) return this.#values.shift()
    this.withdraw(bytes)
    return undefined
  }

  /** Nothing will name the value. */
  withdraw(bytes: Uint8Array): void {
    const at = this.#find(bytes)
    if (at < 0) return
    const value = this.#values[at]!
    if (at === 0 && this.#sendingOn !== undefined) {
      value.isWithdrawn = true
      return
    }
    this.#values.splice(at, 1)
    this.#discard(value)
    this.advance()
  }

  /** Sends the next one, once the one before is named. */
  advance(): void {
    const port = this.#port
    const next = this.#values[0]
    if (!port || !next || next.port || this.#sendingOn || !this.ports.isClear()) return
    this.#sendingOn = port
    port.stage(next.bytes, ({ id }) => {
      if (this.#port === port) this.#arrived(next, port, id)
    })
  }

  #arrived(value: ValueAhead, port: LinkPort, id: number): void {
    this.#sendingOn = undefined
    value.port = port
    value.id = id
    if (value.isWithdrawn) {
      this.#values.shift()
      this.#discard(value)
    }
    this.ports.arrived()
  }

  #discard(value: LongValue): void {
    if (value.port !== undefined && value.port === this.#port) this.ports.discard(value)
  }

  #find(bytes: Uint8Array): number {
    return this.#values.findIndex((value) => value.bytes === bytes && !value.isWithdrawn)
  }
}
