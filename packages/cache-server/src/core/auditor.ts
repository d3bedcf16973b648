import {
  compareVersions,
  isTextKey,
  type Compared,
  type Listed,
  type SlotsAudited,
  type SlotsToAudit,
} from '@icf/common'
import { Checksums } from './checksums.js'
import type { Entry } from './entry.js'
import type { ReplicaChannel } from './replica-channel.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import type { Writer } from './writer.js'

/** Slots that are compared at once: most of the time goes by with waiting for answers. */
const MAX_SLOTS_AT_ONCE = 16

/**
 * Keys of one COMPARE, characters of them, and bytes of their values, about: until their checksums are made, what is overwritten
 * meanwhile takes memory beyond the budget.
 */
const COMPARED_KEYS = 256
const COMPARED_CHARACTERS = 64 * 1024
const COMPARED_BYTES = 4 * 1024 * 1024

/** Keys that one turn passes, and bytes of values of which it makes checksums: about a millisecond each. */
const TURN_KEYS = 512
const TURN_BYTES = 1024 * 1024

/** An empty slot costs as much as so many keys. */
const SLOT_KEYS = 8

export type DifferenceKind = 'missing' | 'extra' | 'different'

/** A key whose copies differ. */
export interface Difference {
  readonly key: string
  readonly kind: DifferenceKind
}

/** What was asked of a backup, and what the primary had then. */
interface Question {
  readonly number: number
  readonly keys: readonly string[]
  readonly entries: readonly (Entry | undefined)[]
  /** Of the slot. */
  readonly count: number
  readonly checksums: Checksums
  answer: Compared | undefined
}

/** One slot that is compared. */
interface Task {
  readonly slot: number
  readonly channel: ReplicaChannel
  /** A second time, to see whether what differed is mended. */
  isAgain: boolean
  /** Differences of this time. */
  found: number
  /** Keys of the slot that are still to be compared; undefined: all are on their way, or done. */
  keys: Iterator<string> | undefined
  /** How many there were, and so are to be compared at most: others came later, and are asked for by nobody. */
  keysLeft: number
  question: Question | undefined
  /** Number of the LIST that has no answer yet; 0: there is none. */
  listing: number
  /** Keys that the backup has and this server has not, which are to be asked for. */
  strange: string[]
  /** More of its keys can be listed. */
  hasMoreToList: boolean
  isListed: boolean
}

export interface AuditorPorts {
  /** What was to be compared is, as far as it could be. */
  audited(result: SlotsAudited): void
  /** The backup there differed, and is mended. */
  differs(serverId: string, slot: number, differences: readonly Difference[]): void
}

/**
 * Compares slots of which this server is the primary with their backups, key by key, while writes go on. What it asks goes
 * the way of all writes: so when the backup looks, it must have what was here when the question was put in. What differs is
 * counted, and written once more as it is here by then.
 */
export class Auditor {
  /** Of what is under way. */
  #epoch = 0
  #number = 0
  #lastQuestion = 0
  #waiting: number[] = []
  readonly #tasks = new Map<number, Task>()
  #done: number[] = []
  #figures = { missing: 0, extra: 0, different: 0, unmended: 0 }
  #isUnderWay = false

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly writer: Writer,
    private readonly ports: AuditorPorts,
  ) {}

  /**
   * Begins with these slots; what was under way is given up, and nothing is said of it.
   * @returns false when it was asked earlier than what is under way, by a master that was active before: nothing is done
   */
  begin({ epoch, number, slots }: SlotsToAudit): boolean {
    if (compareVersions(epoch, number, this.#epoch, this.#number) < 0) return false
    this.#epoch = epoch
    this.#number = number
    this.#waiting = [...new Set(slots)]
    this.#tasks.clear()
    this.#done = []
    this.#figures = { missing: 0, extra: 0, different: 0, unmended: 0 }
    this.#isUnderWay = true
    return true
  }

  /** The backup answers a COMPARE. */
  compared(channel: ReplicaChannel, answer: Compared): void {
    const task = this.#tasks.get(answer.slot)
    const question = task?.question
    if (task?.channel !== channel || question?.number !== answer.question) return
    if (!answer.found || answer.found.length !== 2 * question.keys.length) return this.#giveUp(task)
    question.answer = answer
  }

  /** The backup answers a LIST. */
  listed(channel: ReplicaChannel, { slot, question, keys, hasMore }: Listed): void {
    const task = this.#tasks.get(slot)
    if (task?.channel !== channel || task.listing !== question || question === 0) return
    if (!keys) return this.#giveUp(task)
    task.listing = 0
    task.hasMoreToList = hasMore
    for (const key of keys) if (this.store.find(slot, key) === 0) task.strange.push(key)
  }

  /** On a new link: what was asked on an earlier one may have been answered there. */
  connected(channel: ReplicaChannel): void {
    for (const task of this.#tasks.values()) if (task.channel === channel) this.#giveUp(task)
  }

  /** Whether `advance` may have something to do, now or later. */
  get isAtWork(): boolean {
    return this.#isUnderWay
  }

  /** Goes on for one turn. @returns whether more can be done without waiting for anything */
  advance(now: number): boolean {
    if (!this.#isUnderWay) return false
    let keys = TURN_KEYS
    let bytes = TURN_BYTES
    let isBusy = false
    for (const task of this.#tasks.values()) {
      if (!this.#isComparable(task)) {
        this.#giveUp(task)
        continue
      }
      const { question } = task
      if (question?.answer) {
        if (bytes > 0) bytes = question.checksums.advance(bytes)
        if (question.checksums.isDone) this.#answered(task, question, question.answer, now)
        else isBusy = true
      }
      if (keys > 0) keys -= this.#ask(task)
      else isBusy = true
    }
    while (keys > 0 && this.#waiting.length > 0 && this.#tasks.size < MAX_SLOTS_AT_ONCE) {
      const task = this.#begin(this.#waiting.shift()!)
      if (task) keys -= this.#ask(task)
    }
    this.#end()
    return isBusy || (this.#waiting.length > 0 && this.#tasks.size < MAX_SLOTS_AT_ONCE)
  }

  #begin(slot: number): Task | undefined {
    const channel = this.slots.backup[slot]
    if (!channel) return undefined
    const task: Task = {
      slot, channel, isAgain: false, found: 0, keys: undefined, keysLeft: 0, question: undefined,
      listing: 0, strange: [], hasMoreToList: false, isListed: false,
    } // prettier-ignore
    if (!this.#isComparable(task)) return undefined
    this.#tasks.set(slot, task)
    this.#compare(task)
    return task
  }

  /** From the first key on. */
  #compare(task: Task): void {
    task.found = 0
    task.keys = this.store.keysOf(task.slot)[Symbol.iterator]()
    task.keysLeft = this.store.countOf(task.slot)
    task.question = undefined
    task.listing = 0
    task.strange = []
    task.hasMoreToList = false
    task.isListed = false
  }

  /** Whether the backup should have what is here, and what differs could be mended. */
  #isComparable({ slot, channel }: Task): boolean {
    const { backup, serving } = this.slots
    const isServed = serving[slot] === Serving.YES && backup[slot] === channel
    return isServed && channel.canCompare && !channel.isMending(slot)
  }

  /** Asks what is next, unless something is asked already. @returns how many keys it has looked at, at least 1 */
  #ask(task: Task): number {
    const { slot, channel } = task
    if (task.question || task.listing > 0) return 1
    if (task.strange.length > 0) return this.#put(task, task.strange.splice(0, COMPARED_KEYS))
    if (task.hasMoreToList) {
      task.listing = ++this.#lastQuestion
      channel.list(slot, task.listing, false)
      return 1
    }
    if (task.keys) return this.#put(task, this.#nextKeys(task, task.keys))
    return this.#isCompared(task) ? 1 : this.#ask(task)
  }

  #nextKeys(task: Task, iterator: Iterator<string>): string[] {
    const keys: string[] = []
    let characters = 0
    let bytes = 0
    while (keys.length < COMPARED_KEYS && characters < COMPARED_CHARACTERS && bytes < COMPARED_BYTES) {
      const next = task.keysLeft-- > 0 ? iterator.next() : undefined
      if (!next || next.done) {
        task.keys = undefined
        break
      }
      keys.push(next.value)
      characters += next.value.length
      bytes += this.store.peek(task.slot, next.value)?.value.length ?? 0
    }
    return task.channel.takesAnyKey ? keys : keys.filter(isTextKey)
  }

  #put(task: Task, keys: readonly string[]): number {
    const { slot, channel } = task
    const entries = keys.map((key) => this.store.peek(slot, key))
    const number = ++this.#lastQuestion
    const count = this.store.countOf(slot)
    task.question = { number, keys, entries, count, checksums: new Checksums(entries), answer: undefined }
    channel.compare(slot, number, keys)
    return keys.length + SLOT_KEYS
  }

  #answered(task: Task, question: Question, answer: Compared, now: number): void {
    task.question = undefined
    const differences = differencesOf(question, answer)
    // What a copy evicted by itself is known, and counted; it has no room for it.
    const expected: DifferenceKind[] = []
    if (answer.isParted) expected.push('missing')
    const isParted = this.slots.parted[task.slot] === 1
    if (isParted) expected.push('extra')
    const found = differences.filter(({ kind }) => !expected.includes(kind))
    this.#count(task, found)
    for (const { key, kind } of differences)
      if (kind !== 'missing' || !answer.isParted) this.#mend(task.slot, key, now)
    const hasOthers = answer.entries !== question.count || differences.length > 0
    if (task.isListed || task.keys || !(hasOthers || task.found > 0)) return
    task.isListed = true
    task.listing = ++this.#lastQuestion
    task.channel.list(task.slot, task.listing, true)
  }

  #count(task: Task, found: readonly Difference[]): void {
    if (found.length === 0) return
    task.found += found.length
    if (task.isAgain) {
      this.#figures.unmended += found.length
      return
    }
    for (const { kind } of found) this.#figures[kind]++
    this.ports.differs(task.channel.peerId, task.slot, found)
  }

  /** As any write: what comes of the key meanwhile comes before or after it, there and here. */
  #mend(slot: number, key: string, now: number): void {
    const entry = this.store.peek(slot, key)
    if (entry) this.writer.rewrite(entry, now)
    else this.writer.removeFromCopies(slot, key)
  }

  /** All of the slot was looked at. False when it is compared once more from now on. */
  #isCompared(task: Task): boolean {
    if (task.found > 0 && !task.isAgain) {
      task.isAgain = true
      this.#compare(task)
      return false
    }
    this.#tasks.delete(task.slot)
    this.#done.push(task.slot)
    return true
  }

  #giveUp(task: Task): void {
    this.#tasks.delete(task.slot)
  }

  #end(): void {
    if (this.#waiting.length > 0 || this.#tasks.size > 0) return
    this.#isUnderWay = false
    this.ports.audited({ epoch: this.#epoch, number: this.#number, slots: this.#done, ...this.#figures })
  }
}

function differencesOf({ keys, entries, checksums }: Question, { found }: Compared): Difference[] {
  const differences: Difference[] = []
  keys.forEach((key, i) => {
    const entry = entries[i]
    const [seq, checksum] = [found![2 * i]!, found![2 * i + 1]!]
    if (!entry) {
      if (seq !== 0) differences.push({ key, kind: 'extra' })
    } else if (seq === 0) differences.push({ key, kind: 'missing' })
    else if (seq !== entry.seq || checksum !== checksums.values[i])
      differences.push({ key, kind: 'different' })
  })
  return differences
}
