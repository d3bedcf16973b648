import { readDataFrame, type FrameReader, type Message } from '@icf/common'

/** Who is at the end of a link. */
export interface Receiver {
  message(message: Message): void
  data(frame: FrameReader): void
}

/** Links in memory: what is sent waits here until the test delivers it. */
export class Wires {
  readonly queue: (() => void)[] = []
  /** Long values that are going ahead, for a test that says when each has gone; undefined: they go at once. */
  slow: (() => void)[] | undefined

  /** A port goes on until it is `cut`. */
  port(receiver: Receiver) {
    const ahead: Uint8Array[] = []
    const port = {
      cut: false,
      send: (message: Message) => {
        const copy = [...message]
        this.queue.push(() => port.cut || receiver.message(copy))
      },
      sendData: (frame: Buffer) => {
        const reader = readDataFrame(Buffer.from(frame), (id) => ahead[id])
        this.queue.push(() => port.cut || receiver.data(reader))
      },
      stage: (bytes: Uint8Array, ready: (staged: { readonly id: number }) => void) => {
        const go = (): void => ready({ id: ahead.push(bytes) - 1 })
        if (this.slow) this.slow.push(() => port.cut || go())
        else go()
      },
    }
    return port
  }

  /** Delivers what is on its way now, and nothing that this causes. */
  step(): void {
    for (const job of this.queue.splice(0)) job()
  }

  run(): void {
    for (let next = this.queue.shift(); next; next = this.queue.shift()) next()
  }
}
