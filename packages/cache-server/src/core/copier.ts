import {
  NONE,
  slotsCopiedMessage,
  slotsHandedOffMessage,
  type Intent,
  type Message,
  type Topology,
  type Transition,
} from '@icf/common'
import { CopyQueue } from './copy-queue.js'
import { MOST_BYTES } from './copy-window.js'
import type { Fill, Fills, ReplicaChannel } from './replica-channel.js'
import { SlotStream } from './slot-stream.js'
import { Serving, type SlotTable } from './slot-table.js'
import type { Store } from './store.js'
import { WantedCopies, type WantedCopy, type Wish } from './wanted-copies.js'

/** Copied entries that leave in one turn, to all servers together: a few milliseconds, also the first time. */
export const TURN_BYTES = 64 * 1024

/** Slots parked at once: bounds how many keys wait while the master commits new primaries. */
export const MAX_PARKED_SLOTS = 256

/**
 * Fewer of them are parked only this far apart, in ms: each time costs a version, which every server has to follow. They are served
 * here until then.
 */
export const PARK_INTERVAL_MS = 200

/** What is copied is reported this far apart, in ms, unless a slot that is parked is reported: for a backup nobody waits. */
export const REPORT_INTERVAL_MS = 25

type Stage = 'copying' | 'ending' | 'copied' | 'parked' | 'reported'

/** One transition of a slot that this server is the primary of, whose copy has begun. */
interface CopyTask extends Fill {
  readonly slot: number
  readonly peerId: string
  readonly intent: Intent
  /** undefined for a swap: the backup has everything. */
  readonly channel: ReplicaChannel | undefined
  stage: Stage
  /** A master may have heard that it is parked. */
  isSent: boolean
  stream: SlotStream | undefined
}

export interface CopierPorts {
  toMaster(message: Message): void
  /** Whether all that was written to the slot is on every copy of it. */
  isDrained(slot: number): boolean
  /** Whether clients have sent something lately. */
  isAnyoneServed(now: number): boolean
}

/**
 * Makes the copies that the topology asks of this server: streams a slot's entries while live writes go beside them
 * on the same channel, then reports; a slot that is to change its primary is parked and drained first.
 */
export class Copier implements Fills {
  readonly #tasks = new Map<number, CopyTask>()
  readonly #wanted: WantedCopies
  readonly #queues = new Map<ReplicaChannel, CopyQueue>()
  readonly #toPark: CopyTask[] = []
  #parked = 0
  #parkedAt = -Infinity
  #hasMaster = false
  #toReport: CopyTask[] = []
  /** Of those to be reported, some are parked. */
  #isReportUrgent = false
  #reportedAt = -Infinity
  /** Whether copies can not wait, by this topology. */
  #isUrgent = false
  #judged: Topology | undefined
  /** By that, on their channels. */
  #backups: ReadonlySet<ReplicaChannel> = new Set()

  constructor(
    private readonly slots: SlotTable,
    private readonly store: Store,
    private readonly ports: CopierPorts,
  ) {
    this.#wanted = new WantedCopies(slots, store.history)
  }

  /** Makes sure that the slot's transition is under way. True when it is a new one. */
  ensure(slot: number, transition: Transition, peerId: string, channel: ReplicaChannel | undefined): boolean {
    const task = this.#tasks.get(slot)
    const since = task?.since ?? this.#wanted.sinceOf(slot)
    const presentId = task?.peerId ?? this.#wanted.channelOf(slot)?.peerId
    if (since === transition.since && presentId === peerId) return false
    this.cancel(slot)
    if (channel) this.#want(slot, transition, channel)
    else this.#swap(slot, transition, peerId)
    return true
  }

  /**
   * The receiver refused something of the slot in batch `number`, though it has no newer topology: its copy has gaps.
   * True when another one is begun. Not once a master was told that it is complete: that may be in effect.
   */
  refused(slot: number, channel: ReplicaChannel, number: number): boolean {
    const task = this.#tasks.get(slot)
    if (task?.channel !== channel || number < task.firstBatch || task.isSent) return false
    this.cancel(slot)
    const { intent, since } = task
    this.#want(slot, { intent, since }, channel)
    return true
  }

  isToBegin(slot: number, channel: ReplicaChannel): boolean {
    return this.#wanted.channelOf(slot) === channel
  }

  begin(slot: number): Fill {
    const copy = this.#wanted.take(slot)!
    this.#hurryIfAwaited(slot, copy.channel)
    return this.#addTask(slot, copy.channel.peerId, copy.channel, copy)
  }

  #want(slot: number, wish: Wish, channel: ReplicaChannel): void {
    this.#wanted.add(slot, wish, channel)
    let queue = this.#queues.get(channel)
    if (!queue) this.#queues.set(channel, (queue = new CopyQueue()))
    queue.add(slot)
    this.#hurryIfAwaited(slot, channel)
  }

  /** A backup that can not be reached is given up when the copy that takes its place is complete: until then writes wait. */
  #hurryIfAwaited(slot: number, channel: ReplicaChannel): void {
    if (!this.ports.isDrained(slot)) this.#queues.get(channel)!.hurry(slot)
  }

  #addTask(
    slot: number,
    peerId: string,
    channel: ReplicaChannel | undefined,
    copy: Omit<WantedCopy, 'channel'>,
  ): CopyTask {
    const { intent, since, seq, written, isParted } = copy
    const task: CopyTask = {
      slot, peerId, channel, intent, since, seq, written, isParted, firstBatch: 0, stage: 'copying', isSent: false, stream: undefined,
    } // prettier-ignore
    this.#tasks.set(slot, task)
    return task
  }

  /** The backup has everything. */
  #swap(slot: number, { intent, since }: Wish, peerId: string): void {
    const task = this.#addTask(slot, peerId, undefined, {
      intent,
      since,
      seq: 0,
      written: [],
      isParted: false,
    })
    task.stage = 'copied'
    this.#toPark.push(task)
  }

  /** The transition is over or called off. A parked slot is set free by the caller. */
  cancel(slot: number): void {
    this.#wanted.take(slot)
    const task = this.#tasks.get(slot)
    if (!task) return
    this.#tasks.delete(slot)
    task.stream?.stop()
    if (task.intent === 'primary' && (task.stage === 'parked' || task.stage === 'reported')) this.#parked--
  }

  /** The last unacknowledged write of a parked slot is on every copy. */
  drained(slot: number): void {
    const task = this.#tasks.get(slot)
    if (task?.stage === 'parked') this.#report(task)
  }

  /** The master may not have our reports: it lost the link, is a new one, or begins another term. */
  masterConnected(): void {
    this.#hasMaster = true
    this.#parkedAt = -Infinity
    this.#toReport = [...this.#tasks.values()].filter((task) => task.stage === 'reported')
    this.#isReportUrgent = this.#toReport.length > 0
  }

  /**
   * No master commits a move now, so nothing is parked for one.
   * @returns slots that were parked, but of which no master can know: they are served again. The others stay: the
   * master may have committed their moves before it went
   */
  masterLost(): number[] {
    this.#hasMaster = false
    const freed: number[] = []
    for (const task of this.#tasks.values()) {
      if (task.intent !== 'primary' || task.isSent) continue
      if (task.stage !== 'parked' && task.stage !== 'reported') continue
      task.stage = 'copied'
      this.#parked--
      this.#toPark.push(task)
      this.slots.unpark(task.slot)
      freed.push(task.slot)
    }
    return freed
  }

  /** Whether `advance` may have something to do, now or later. */
  get isAtWork(): boolean {
    return this.#queues.size > 0 || this.#toPark.length > 0 || this.#toReport.length > 0
  }

  /** Goes on as far as windows and bounds allow; called once a turn. @returns whether more is to be done in the next one */
  advance(now: number): boolean {
    const isMore = this.#streamAll(now)
    if (!this.#hasMaster) return isMore
    if (this.#isTimeToPark(now)) this.#parkSome(now)
    if (this.#toReport.length > 0) this.#sendReports(now)
    return isMore
  }

  /** As much as one turn may send; those whose turn has been come last in the next. @returns whether some may be left */
  #streamAll(now: number): boolean {
    if (this.#queues.size === 0) return false
    let left = TURN_BYTES
    const givesWay = this.#givesWay(now)
    for (const [channel, queue] of [...this.#queues]) {
      if (left <= 0) break
      const before = channel.fillBytesInFlight
      const window = givesWay ? channel.window.bytesAt(now) : MOST_BYTES
      this.#stream(channel, queue, Math.min(window, before + left), now)
      left -= channel.fillBytesInFlight - before
      this.#queues.delete(channel)
      if (!queue.isEmpty) this.#queues.set(channel, queue)
    }
    return left <= 0
  }

  /** Whether there is somebody to give way to, and nothing that can not wait. */
  #givesWay(now: number): boolean {
    const { topology } = this.slots
    if (this.#judged !== topology) {
      this.#judged = topology
      this.#isUrgent = isUrgent(topology)
      this.#backups = distinct(this.slots.backup)
    }
    return !this.#isUrgent && this.ports.isAnyoneServed(now) && !this.#isBackupGone
  }

  /** Copies may be on their way that take the place of one that nothing reaches any more: until then writes of its slots wait. */
  get #isBackupGone(): boolean {
    for (const { port } of this.#backups) if (port === undefined) return true
    return false
  }

  /** @param bound bytes of entries on their way, at most about */
  #stream(channel: ReplicaChannel, queue: CopyQueue, bound: number, now: number): void {
    queue.advance((slot) => {
      if (channel.fillBytesInFlight >= bound) return false
      channel.fillBegin(slot)
      const task = this.#tasks.get(slot)
      const isToCopy = task?.channel === channel && task.stage === 'copying' && this.#isCurrent(task)
      return !isToCopy || this.#copyEntries(channel, task, bound, now)
    })
  }

  /** True when the slot's last entry is on its way. */
  #copyEntries(channel: ReplicaChannel, task: CopyTask, bound: number, now: number): boolean {
    const { slot } = task
    task.stream ??= new SlotStream(this.store, slot, channel)
    if (!task.stream.advance(now, bound)) return false
    task.stage = 'ending'
    channel.fillEnd(slot, () => this.#stored(task))
    return true
  }

  #stored(task: CopyTask): void {
    if (!this.#isCurrent(task)) return
    task.stage = 'copied'
    if (task.intent === 'primary') this.#toPark.push(task)
    else this.#report(task)
  }

  #isTimeToPark(now: number): boolean {
    const { length } = this.#toPark
    if (length === 0) return false
    return now >= this.#parkedAt + PARK_INTERVAL_MS || (this.#parked === 0 && length >= MAX_PARKED_SLOTS)
  }

  #parkSome(now: number): void {
    this.#parkedAt = now
    while (this.#toPark.length > 0 && this.#parked < MAX_PARKED_SLOTS) this.#park(this.#toPark.shift()!)
  }

  #park(task: CopyTask): void {
    if (!this.#isCurrent(task)) return
    task.stage = 'parked'
    this.#parked++
    this.slots.park(task.slot)
    if (this.ports.isDrained(task.slot)) this.#report(task)
  }

  #report(task: CopyTask): void {
    task.stage = 'reported'
    this.#toReport.push(task)
    this.#isReportUrgent ||= task.intent === 'primary'
  }

  #sendReports(now: number): void {
    if (!this.#isReportUrgent && now < this.#reportedAt + REPORT_INTERVAL_MS) return
    this.#isReportUrgent = false
    this.#reportedAt = now
    const groups = new Map<string, CopyTask[]>()
    for (const task of this.#toReport) {
      if (!this.#isCurrent(task)) continue
      task.isSent = true
      const key = `${task.intent} ${task.peerId}`
      const group = groups.get(key)
      if (group) group.push(task)
      else groups.set(key, [task])
    }
    this.#toReport = []
    for (const tasks of groups.values()) this.ports.toMaster(reportMessage(tasks))
  }

  #isCurrent(task: CopyTask): boolean {
    return this.#tasks.get(task.slot) === task && this.slots.serving[task.slot] !== Serving.NO
  }
}

/** Asked of thousands of slots with every version: a loop takes a sixth of what `filter` and a set of everything take. */
function distinct(backups: SlotTable['backup']): Set<ReplicaChannel> {
  const found = new Set<ReplicaChannel>()
  let last: ReplicaChannel | undefined
  for (let slot = 0; slot < backups.length; slot++) {
    const backup = backups[slot]
    if (backup === last || backup === undefined) continue
    found.add(backup)
    last = backup
  }
  return found
}

/** Some slot has no second copy, or a server waits until it may go. */
function isUrgent({ backup, servers }: Topology): boolean {
  return backup.includes(NONE) || servers.some((server) => server?.state === 'leaving')
}

function reportMessage(tasks: readonly CopyTask[]): Message {
  const { intent, peerId } = tasks[0]!
  const report = {
    to: peerId,
    entries: tasks.reduce((sum, task) => sum + (task.stream?.entries ?? 0), 0),
    bytes: tasks.reduce((sum, task) => sum + (task.stream?.bytes ?? 0), 0),
    completions: tasks,
  }
  return intent === 'primary' ? slotsHandedOffMessage(report) : slotsCopiedMessage(report)
}
