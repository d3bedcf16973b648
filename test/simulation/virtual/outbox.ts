import type { Packet, Pipe } from './pipe.js'
import type { VirtualProcess } from './process.js'
import { Queue } from './queue.js'

/**
 * What a process has given to a socket and its kernel has not taken: a stream of Node. It writes one batch at a time, and
 * all that came meanwhile is the next; a batch counts until the whole of it is taken.
 */
export class Outbox {
  #batch = new Queue<Packet>()
  #batchBytes = 0
  #waiting = new Queue<Packet>()
  #waitingBytes = 0
  /** Of the batch: taken, and not told yet. */
  #taken: (() => void)[] = []

  constructor(
    private readonly process: VirtualProcess,
    private readonly pipe: Pipe,
  ) {}

  get bytes(): number {
    return this.#batchBytes + this.#waitingBytes
  }

  get isEmpty(): boolean {
    return this.#batch.length === 0 && this.#waiting.length === 0
  }

  /** True when the kernel took it at once. Otherwise `flush` goes on. */
  push(packet: Packet): boolean {
    const { bytes } = packet
    if (!this.isEmpty || !this.process.canRun) {
      this.#waiting.push(packet)
      this.#waitingBytes += bytes
      return false
    }
    if (this.pipe.take(packet)) {
      if (packet.sent) process.nextTick(packet.sent)
      return true
    }
    this.#batch.push(packet)
    this.#batchBytes = bytes
    return false
  }

  /** Gives the kernel what it has room for, and tells of the batches that are done. */
  flush(): void {
    const done = this.#takeBatches()
    if (done.length > 0) this.process.turn('sent', () => callAll(done))
  }

  /** The socket is closed: what the kernel has no room for now is lost. Tells all who wait. */
  drop(): void {
    const sent = [...this.#takeBatches(), ...this.#taken.splice(0)]
    for (const queue of [this.#batch, this.#waiting]) {
      queue.forEach((packet) => packet.sent && sent.push(packet.sent))
      queue.clear()
    }
    this.#batchBytes = 0
    this.#waitingBytes = 0
    if (sent.length > 0) process.nextTick(callAll, sent)
  }

  #takeBatches(): (() => void)[] {
    const done: (() => void)[] = []
    while (!this.isEmpty && this.#takeBatch()) {
      done.push(...this.#taken.splice(0))
      const batch = this.#batch
      this.#batch = this.#waiting
      this.#batchBytes = this.#waitingBytes
      this.#waiting = batch
      this.#waitingBytes = 0
    }
    return done
  }

  #takeBatch(): boolean {
    for (let next = this.#batch.first; next; next = this.#batch.first) {
      if (!this.pipe.take(next)) return false
      this.#batch.shift()
      if (next.sent) this.#taken.push(next.sent)
    }
    return true
  }
}

function callAll(jobs: readonly (() => void)[]): void {
  for (const job of jobs) job()
}
