import type { Message } from '@icf/common'

/** Links in memory: what is sent waits here until the test delivers it. */
export class Wires {
  readonly queue: (() => void)[] = []

  /** A port goes on until it is `cut`. */
  port(deliver: (message: Message) => void) {
    const port = {
      cut: false,
      send: (message: Message) => {
        const copy = [...message]
        this.queue.push(() => port.cut || deliver(copy))
      },
      stage: (bytes: Uint8Array, ready: (staged: object) => void) => ready(bytes),
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
