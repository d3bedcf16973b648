import type { ClientSession, Reply } from './client-session.js'

interface Reader {
  readonly client: ClientSession
  readonly id: number
  readonly result: Reply
}

/**
 * A write that some copy of its slot has not stored yet. Its client and everyone who read what it wrote are
 * answered when the last copy has it: so nobody sees a value that a failover could take back.
 */
export class PendingWrite {
  /** Copies that have not stored it. */
  #missing = 0
  #readers: Reader[] | undefined
  /** Where what it stored is; 0: it is not there any more, or need not be waited for. The store's own. */
  handle = 0
  /** In the chain of `PendingWrites`. */
  next: PendingWrite | undefined

  constructor(
    readonly slot: number,
    readonly key: string,
    /** Whether it stored something, which is at `handle` while it is there. */
    readonly isPut: boolean,
    readonly client: ClientSession | undefined,
    readonly id: number,
    readonly result: Reply,
  ) {}

  /** One copy more has to store it. */
  sent(): void {
    this.#missing++
  }

  /** One copy has stored it, or need not any more. True when it was the last. */
  stored(): boolean {
    return --this.#missing === 0
  }

  /** Whether a single copy has not stored it. */
  get isMissingOnce(): boolean {
    return this.#missing === 1
  }

  get readerCount(): number {
    return this.#readers?.length ?? 0
  }

  /** Answers `client` with `result` once this write is safe. */
  addReader(client: ClientSession, id: number, result: Reply): void {
    this.#readers ??= []
    this.#readers.push({ client, id, result })
    client.owe(result)
  }

  answer(): void {
    this.client?.reply(this.id, this.result)
    this.#answerReaders((reader) => reader.result)
  }

  /** The slot went to another server before the write was safe: everyone has to ask there. */
  answerInstead(result: Reply): void {
    this.client?.reply(this.id, result)
    this.#answerReaders(() => result)
  }

  #answerReaders(result: (reader: Reader) => Reply): void {
    if (!this.#readers) return
    for (const reader of this.#readers) {
      reader.client.settle(reader.result)
      reader.client.reply(reader.id, result(reader))
    }
    this.#readers = undefined
  }
}
