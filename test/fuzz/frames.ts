// Frames as no icf process sends them: valid messages of each kind, and what becomes of them when something is changed.
import {
  CommandCode,
  encodeTopology,
  limits,
  MessageType,
  REPEAT,
  ReplicaOp,
  type Topology,
} from '@icf/common'
import { encodeFrame, Staged } from '@icf/common/node'
import fc from 'fast-check'

/** What a valid message may speak of. */
export interface Subject {
  readonly topology: Topology
  readonly keys: readonly string[]
  /** Of servers and processes, present or not. */
  readonly ids: readonly string[]
}

const T = MessageType

/** Turned into a text or a number, it throws. */
const ODD = { toString: 1, valueOf: 1 }

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  ODD,
  {},
  { length: 3 },
  { type: 'Buffer', data: [1] },
  [],
  [[]],
  [[[[[]]]]],
  [ODD],
  '',
  'x',
  '-1',
  'constructor',
  '__proto__',
  '\ud800',
  'é'.repeat(200),
  'k'.repeat(limits.maxKeyBytes + 1),
  'f'.repeat(40),
  Number.NaN,
  Infinity,
  -Infinity,
  -0,
  -1,
  0.5,
  1e308,
  127,
  255,
  16_384,
  65_535,
  2 ** 31,
  2 ** 32,
  Number.MAX_SAFE_INTEGER,
  2 ** 53,
  -(2 ** 53),
  new Date(0),
  new Date(Number.NaN),
  new Set([1]),
  /x/,
  new Error('x'),
  new Staged(1),
  [0, new Staged(7)],
  [[0, new Staged(7)]],
  Buffer.alloc(0),
  Buffer.alloc(100, 0xc1),
  new Float64Array(3),
]

const odd = fc.constantFrom(...ODD_VALUES)
const count = fc.oneof(fc.nat({ max: 20 }), fc.nat(), fc.constantFrom(0, 1, 2 ** 31, Number.MAX_SAFE_INTEGER))
const small = fc.nat({ max: 20 })
const text = fc.string({ maxLength: 20 })
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))

/** Messages that keep the layout of docs/protocol.md. */
export class Messages {
  readonly #slot: fc.Arbitrary<number>
  readonly #key: fc.Arbitrary<string>
  readonly #id: fc.Arbitrary<string>
  readonly #stamp: fc.Arbitrary<number[]>
  readonly #value = fc.oneof(text, bytes)

  constructor(private readonly subject: Subject) {
    const { topology, keys, ids } = subject
    this.#slot = fc.nat({ max: topology.primary.length - 1 })
    this.#key = fc.oneof(fc.constantFrom(...keys), text)
    this.#id = fc.constantFrom(...ids)
    const { epoch, version } = topology
    this.#stamp = fc.constantFrom([epoch, version], [epoch, version], [epoch, version + 1], [0, 0])
  }

  /** Client → server. */
  commands(): fc.Arbitrary<unknown[]> {
    const command = fc.oneof(
      fc.tuple(
        fc.constantFrom(CommandCode.GET, CommandCode.DELETE, CommandCode.HAS, CommandCode.TTL),
        this.#key,
      ),
      fc.tuple(fc.constant(CommandCode.SET), this.#key, this.#value, small, small, fc.nat({ max: 1 })),
      fc.tuple(fc.constant(REPEAT), small, fc.constant(CommandCode.DELETE), this.#key),
    )
    return fc
      .tuple(this.#stamp, count, count, small, fc.array(command, { maxLength: 8 }))
      .map(([stamp, id, number, settled, list]) => [
        T.COMMANDS,
        ...stamp,
        id,
        number,
        settled,
        ...list.flat(),
      ])
  }

  /** Server → client. */
  results(): fc.Arbitrary<unknown[]> {
    const error = fc.tuple(fc.constant(-1), small, text, small, small)
    const result = fc.oneof(
      this.#value,
      fc.constantFrom(null, true, false, -1, 5),
      error,
      fc.tuple(small, bytes),
    )
    const run = fc.tuple(small, fc.array(result, { minLength: 1, maxLength: 4 }))
    return fc
      .array(run, { maxLength: 4 })
      .map((runs) => [T.RESULTS, ...runs.flatMap(([first, list]) => [first, list.length, ...list])])
  }

  /** Primary → backup. */
  batch(): fc.Arbitrary<unknown[]> {
    const at = fc.tuple(this.#slot, count)
    const entry = fc.tuple(at, this.#key, this.#value, fc.nat({ max: 2 }), small)
    const operation = fc.oneof(
      fc.tuple(entry, small).map(([[slot, ...rest], number]) => [ReplicaOp.PUT, ...slot, ...rest, number]),
      fc.tuple(at, this.#key, small).map(([slot, key, number]) => [ReplicaOp.REMOVE, ...slot, key, number]),
      fc.tuple(at, small).map(([slot, since]) => [ReplicaOp.FILL_BEGIN, ...slot, since]),
      entry.map(([slot, ...rest]) => [ReplicaOp.FILL, ...slot, ...rest]),
      this.#slot.map((slot) => [ReplicaOp.FILL_END, slot]),
      fc.tuple(this.#id, small).map((origin) => [ReplicaOp.ORIGIN, ...origin]),
      fc.tuple(this.#slot, small).map((written) => [ReplicaOp.WRITTEN, ...written]),
      this.#slot.map((slot) => [ReplicaOp.PARTED, slot]),
      at.map((mended) => [ReplicaOp.MEND, ...mended]),
      fc
        .tuple(this.#slot, small, fc.array(this.#key, { maxLength: 4 }))
        .map((compare) => [ReplicaOp.COMPARE, ...compare]),
      fc.tuple(this.#slot, small, fc.nat({ max: 1 })).map((list) => [ReplicaOp.LIST, ...list]),
    )
    return fc
      .tuple(this.#stamp, small, fc.array(operation, { maxLength: 8 }))
      .map(([stamp, number, list]) => [T.KEY_VALUE_RESPONCE_BACK, ...stamp, number, ...list.flat()])
  }

  /** Backup → primary, of the data path. */
  backAck(): fc.Arbitrary<unknown[]> {
    return fc
      .tuple(small, this.#stamp, fc.array(this.#slot, { maxLength: 4 }))
      .map(([number, stamp, refused]) => [T.BACK_ACK, number, ...stamp, refused])
  }

  /** Of the data path, whoever sends it. */
  anyData(): fc.Arbitrary<unknown[]> {
    return fc.oneof(this.commands(), this.results(), this.batch(), this.backAck())
  }

  /** Backup → primary. */
  acknowledgement(): fc.Arbitrary<unknown[]> {
    const found = fc.array(fc.tuple(small, count), { maxLength: 3 })
    return fc.oneof(
      this.backAck(),
      fc
        .tuple(this.#slot, small, small, fc.nat({ max: 1 }), found)
        .map(([slot, question, entries, parted, list]) => [
          T.KEYS_COMPARED,
          slot,
          question,
          entries,
          parted,
          list.flat(),
        ]),
      fc
        .tuple(this.#slot, small, fc.array(this.#key, { maxLength: 3 }), fc.nat({ max: 1 }))
        .map((listed) => [T.KEYS_LISTED, ...listed]),
    )
  }

  chunk(): fc.Arbitrary<unknown[]> {
    const total = fc.oneof(small, fc.constantFrom(40, limits.maxValueBytes))
    const fields = fc.tuple(fc.nat({ max: 3 }), total, fc.constantFrom(0, 0, 20), bytes)
    return fields.map((chunk) => [T.VALUE_CHUNK, ...chunk])
  }

  topology(): fc.Arbitrary<unknown[]> {
    const { topology, ids } = this.subject
    const whole = fc
      .constantFrom(topology, { ...topology, version: topology.version + 1 })
      .map(encodeTopology)
    const columnRun = fc.tuple(this.#slot, small, small)
    const transitionRun = fc.tuple(this.#slot, small, small, fc.nat({ max: 1 }), small)
    const runsOf = (run: fc.Arbitrary<number[]>): fc.Arbitrary<number[]> =>
      fc.array(run, { maxLength: 3 }).map((runs) => runs.flat())
    const next = [1, topology.epoch, topology.version + 1, topology.epoch, topology.version]
    const difference = fc
      .tuple(runsOf(columnRun), runsOf(columnRun), fc.option(runsOf(transitionRun)))
      .map((runs) => [...next, null, ...runs, null] as unknown[])
    const type = fc.constantFrom(
      T.DISTRIBUTION_RESPOND,
      T.ADD_CACHE_SERVER,
      T.SHUTDOWN_CACHE,
      T.REFLESH_MASTER,
      T.REFLESH_IP,
    )
    return fc.tuple(type, fc.oneof(whole, difference)).map(([kind, update]) => [kind, update, [ids[0]]])
  }

  /** Server → master. */
  toMaster(): fc.Arbitrary<unknown[]> {
    const load = fc.array(count, { minLength: 8, maxLength: 8 })
    const done = fc.array(fc.tuple(this.#slot, small), { maxLength: 3 })
    const report = fc.tuple(fc.constantFrom(T.SLOTS_COPIED, T.SLOTS_HANDED_OFF), this.#id, count, count, done)
    return fc.oneof(
      fc
        .tuple(small, this.#stamp, load, small)
        .map(([beat, stamp, statistics, answered]) => [
          T.KEEP_ALIVE,
          beat,
          0,
          ...stamp,
          statistics,
          answered,
        ]),
      report.map(([type, to, entries, size, list]) => [type, to, entries, size, list.flat()]),
      this.#id.map((id) => [T.SUSPECT, id]),
      fc
        .tuple(small, small, fc.array(this.#slot, { maxLength: 3 }), small, small, small, small)
        .map((audited) => [T.SLOTS_AUDITED, ...audited]),
      fc
        .tuple(count, fc.constantFrom('gone', 'alive', 'unknown'))
        .map((result) => [T.PROBE_RESULT, ...result]),
    )
  }

  /** Master → server. */
  fromMaster(): fc.Arbitrary<unknown[]> {
    return fc.oneof(
      fc.tuple(small, this.#stamp).map(([beat, stamp]) => [T.KEEP_ALIVE, beat, ...stamp]),
      fc.tuple(count, this.#id).map(([probe, id]) => [T.PROBE, probe, id, 'nowhere', 1]),
      fc
        .tuple(small, small, fc.array(this.#slot, { maxLength: 4 }))
        .map((asked) => [T.AUDIT_SLOTS, ...asked]),
      fc.constant<unknown[]>([T.DISTRIBUTION_REQUEST]),
    )
  }

  /** Operator → master. None that would really end a server. */
  admin(): fc.Arbitrary<unknown[]> {
    const name = fc.constantFrom(
      'STATUS',
      'TOPOLOGY',
      'PLAN',
      'EVENTS',
      'SHUTDOWN_CACHE',
      'FORGET',
      'toString',
      'x',
    )
    const args = fc.oneof(
      fc.constantFrom({}, { servers: ['nobody'] }, { servers: ODD, dryRun: true }, { servers: [ODD] }),
      fc.constantFrom({ since: 0, follow: true }, { since: ODD }, { since: 1, follow: ODD }),
    )
    return fc.tuple(count, name, args).map((request) => [T.ADMIN_REQUEST, ...request])
  }

  hello(cluster: string, roles: readonly string[]): fc.Arbitrary<unknown[]> {
    const details = fc.constantFrom<unknown[]>(
      [],
      ['server', 7999, 0, '', 0, 1e6, 0, 0, 'm'],
      [1],
      [1, 'x'.repeat(40)],
    )
    return fc
      .tuple(fc.constantFrom(...roles), this.#id, details)
      .map(([role, id, list]) => [T.HELLO, 1, role, cluster, id, list])
  }

  /** Of any kind, whoever sends it. */
  any(): fc.Arbitrary<unknown[]> {
    const others = [
      T.SPARE_MASTER,
      T.REFLESH_MASTER,
      T.WELCOME,
      T.REFUSED,
      T.RELEASED,
      T.ADMIN_RESPONSE,
      T.EVENT,
    ]
    return fc.oneof(
      this.commands(),
      this.results(),
      this.batch(),
      this.acknowledgement(),
      this.chunk(),
      this.topology(),
      this.toMaster(),
      this.fromMaster(),
      this.admin(),
      fc.tuple(fc.constantFrom(...others), small, text).map((fields) => [...fields]),
      fc.tuple(count, odd).map((fields) => [...fields]),
    )
  }
}

interface Change {
  /** Which field, and of that which, and so on. */
  readonly path: readonly number[]
  readonly how: 'replace' | 'remove' | 'truncate' | 'insert' | 'repeat' | 'nest' | 'swap'
  readonly value: unknown
}

const change: fc.Arbitrary<Change> = fc.record({
  path: fc.array(fc.nat({ max: 40 }), { minLength: 1, maxLength: 4 }),
  how: fc.constantFrom<Change['how']>(
    'replace',
    'replace',
    'replace',
    'remove',
    'truncate',
    'insert',
    'repeat',
    'nest',
    'swap',
  ),
  value: odd,
})

export interface Damage {
  readonly at: number
  readonly how: 'flip' | 'cut' | 'insert' | 'garbage'
  readonly bytes: Uint8Array
}

export const damage: fc.Arbitrary<Damage> = fc.record({
  at: fc.nat({ max: 4096 }),
  how: fc.constantFrom<Damage['how']>('flip', 'flip', 'cut', 'insert', 'garbage'),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
})

/** The bytes of such a message, most often with something changed in it. */
export function frameOf(message: fc.Arbitrary<unknown[]>): fc.Arbitrary<Buffer> {
  const changes = fc.oneof(
    { weight: 1, arbitrary: fc.constant<Change[]>([]) },
    { weight: 8, arbitrary: fc.array(change, { minLength: 1, maxLength: 3 }) },
  )
  const damages = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Damage[]>([]) },
    { weight: 1, arbitrary: fc.array(damage, { minLength: 1, maxLength: 3 }) },
  )
  return fc.tuple(message, changes, damages).map(([valid, steps, harm]) => {
    const changed = copyArrays(valid)
    for (const step of steps) apply(changed, step)
    let frame: Buffer = Buffer.from(encodeFrame(changed))
    for (const step of harm) frame = damaged(frame, step)
    return frame
  })
}

/** The arrays are copied, what they hold is shared: only arrays are changed. */
function copyArrays(value: unknown[]): unknown[] {
  return value.map((field) => (Array.isArray(field) ? copyArrays(field) : field))
}

/** The first field stays a number in most cases: without it nothing else is looked at. */
function apply(message: unknown[], { path, how, value: shared }: Change): void {
  const value: unknown = Array.isArray(shared) ? copyArrays(shared) : shared
  let fields = message
  let at = fields.length === 0 ? 0 : path[0]! % (fields.length + 1)
  for (const step of path.slice(1)) {
    const inner = fields[at]
    if (!Array.isArray(inner) || inner.length === 0) break
    fields = inner
    at = step % fields.length
  }
  switch (how) {
    case 'replace':
      fields[at] = value
      return
    case 'remove':
      fields.splice(at, 1)
      return
    case 'truncate':
      fields.length = at
      return
    case 'insert':
      fields.splice(at, 0, value)
      return
    case 'repeat':
      for (let times = 0; times < 5; times++) fields.push(...fields.slice(at, at + 20))
      return
    case 'nest':
      fields[at] = [fields[at]]
      return
    case 'swap':
      ;[fields[at], fields[fields.length - 1]] = [fields.at(-1), fields[at]]
  }
}

export function damaged(frame: Buffer, { at, how, bytes }: Damage): Buffer {
  const place = at % (frame.length + 1)
  switch (how) {
    case 'flip':
      if (place < frame.length) frame[place]! ^= bytes[0]!
      return frame
    case 'cut':
      return frame.subarray(0, place)
    case 'insert':
      return Buffer.concat([frame.subarray(0, place), bytes, frame.subarray(place)])
    case 'garbage':
      return Buffer.from(bytes)
  }
}
