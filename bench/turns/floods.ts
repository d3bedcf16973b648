import {
  beginCommands,
  CommandCode,
  FrameWriter,
  fromVersion1,
  limits,
  MessageType,
  nameAhead,
  toVersion1,
  ValueKind,
  writeSet,
  type Message,
} from '@icf/common'
import { dial, encodeFrame, formatAddress, nodeRuntime, type Address, type Link } from '@icf/common/node'
import { connect, type Client } from '@icf/client'
import { slowly } from './slow-proxy.js'

const MIB = 1024 ** 2
const CLIENTS = 100
const OBJECTS = 40
const OBJECT_BYTES = 100_000
const PATIENT = { timeoutMs: 120_000 }

/** What a flood is let loose on: a cache server, the primary of 'k', and a client of the usual kind beside. */
export interface Target {
  readonly server: Address
  readonly master: Address
  readonly cache: Client
}

export interface Flood {
  readonly name: string
  /** Measured is the master, not the cache server. */
  readonly isOfMaster?: true
  /** How many cache servers there are: the most of any is told. With one, there are no backups. */
  readonly servers?: number
  /** Of each cache server, where the usual is too much. */
  readonly maxMemory?: string
  /** Before it is measured. */
  prepare?(target: Target): Promise<void>
  /** Resolves when all is answered or refused. @returns how it ended, in a few words */
  run(target: Target): Promise<string>
}

export const floods: readonly Flood[] = [
  {
    name: `${CLIENTS} clients each ask for ${OBJECTS} objects of 100 KB at once`,
    async prepare({ cache }) {
      for (const key of objects()) await cache.set(key, Buffer.alloc(OBJECT_BYTES, 7))
    },
    async run(target) {
      const frame = commands(target, objects().flatMap((key) => [CommandCode.GET, key])) // prettier-ignore
      return `${await answered(target, CLIENTS, frame, OBJECTS)} answers`
    },
  },
  {
    name: `${CLIENTS} clients each store ${OBJECTS} objects of 100 KB at once`,
    async run(target) {
      const value = Buffer.alloc(OBJECT_BYTES, 8)
      const frame = commands(target, objects().flatMap((key) => [CommandCode.SET, key, value, 0, 0, 0])) // prettier-ignore
      return `${await answered(target, CLIENTS, frame, OBJECTS)} answers`
    },
  },
  {
    name: `${CLIENTS} clients each send ${limits.maxCommandsPerFrame} GETs in one frame`,
    prepare: async ({ cache }) => cache.set('k', 'value'),
    async run(target) {
      const { maxCommandsPerFrame: count } = limits
      const frame = commands(target, repeated(count, CommandCode.GET, 'k'))
      return `${await answered(target, CLIENTS, frame, count)} answers`
    },
  },
  {
    name: `one client sends ${limits.maxCommandsPerFrame} SETs in one frame`,
    async run(target) {
      const { maxCommandsPerFrame: count } = limits
      const sets = Array.from({ length: count }, (_, i) => [CommandCode.SET, `key ${i}`, 'value', 1, 0, 0])
      return `${await answered(target, 1, commands(target, sets.flat()), count)} answers`
    },
  },
  {
    name: `100 clients each send ${limits.maxCommandsPerFrame} SETs in one frame, two servers`,
    servers: 2,
    async run(target) {
      const { maxCommandsPerFrame: count } = limits
      const sets = Array.from({ length: count }, (_, i) => [CommandCode.SET, `{k} ${i}`, 'value', 1, 0, 0])
      return `${await answered(target, CLIENTS, commands(target, sets.flat()), count)} answers`
    },
  },
  {
    name: `${CLIENTS} clients each store ${OBJECTS} objects of 100 KB at once in two servers full of small values`,
    servers: 2,
    prepare: ({ cache }) => fill(cache),
    async run(target) {
      const value = Buffer.alloc(OBJECT_BYTES, 8)
      const sets = objects().flatMap((key) => [CommandCode.SET, `{k} ${key}`, value, 0, 0, 0])
      return `${await answered(target, CLIENTS, commands(target, sets), OBJECTS)} answers`
    },
  },
  { name: '1,000,000 GETs in one frame', run: (target) => refused(target.server, commands(target, repeated(1_000_000, CommandCode.GET, 'k'))) }, // prettier-ignore
  { name: '4 MiB of nils in one frame', run: ({ server }) => refused(server, filled([0xdd, 0, 0x3f, 0xff, 0xf0], 0xc0)) }, // prettier-ignore
  { name: '4 MiB of nils in an array in a frame', run: ({ server }) => refused(server, filled([0x92, 19, 0xdd, 0, 0x3f, 0xff, 0xf0], 0xc0)) }, // prettier-ignore
  { name: '4 MiB of arrays in one frame', run: ({ server }) => refused(server, filled([0xdd, 0, 0x3f, 0xff, 0xf0], 0x90)) }, // prettier-ignore
  { name: '4 MiB of arrays in arrays', run: ({ server }) => refused(server, filled([0x92, 19], 0x91)) },
  { name: '1,000,000 GETs in one array', run: (target) => refused(target.server, array(target, repeated(1_000_000, CommandCode.GET, 'k'))) }, // prettier-ignore
  { name: '4 MB of text in one array', run: (target) => refused(target.server, array(target, [CommandCode.GET, '€'.repeat(1_390_000)])) }, // prettier-ignore
  {
    name: 'texts beyond Latin-1, of 4 MB together, are stored by one frame',
    async run(target) {
      const texts = Array.from({ length: 15 }, (_, i) => [CommandCode.SET, `text ${i}`, '€'.repeat(87_000), 1, 0, 0]) // prettier-ignore
      return `${await answered(target, 1, commands(target, texts.flat()), texts.length)} answers`
    },
  },
  { name: 'the master: 4 MiB of nils in one frame', isOfMaster: true, run: ({ master }) => refused(master, filled([0xdd, 0, 0x3f, 0xff, 0xf0], 0xc0)) }, // prettier-ignore
  {
    name: '8 clients that never read, values of 4 MiB overwritten meanwhile',
    async run(target) {
      const { server, cache } = target
      const links = await Promise.all(Array.from({ length: 8 }, () => open(server)))
      for (const link of links) link.pause()
      for (let round = 0; round < 40; round++) {
        for (const link of links) link.sendFrame(commands(target, [CommandCode.GET, 'large'], round))
        await cache.set('large', Buffer.alloc(4 * MIB, round), PATIENT)
      }
      for (const link of links) link.terminate()
      return 'the writer was answered'
    },
  },
  {
    name: '8 clients each store 16 MiB in a server full of small values',
    prepare: ({ cache }) => fill(cache),
    async run({ master }) {
      const clients = await Promise.all(
        Array.from({ length: 8 }, () => connect({ masters: [formatAddress(master)] })),
      )
      await Promise.all(clients.map((client, i) => client.set(`16 MiB ${i}`, Buffer.alloc(16 * MIB, i), PATIENT))) // prettier-ignore
      await Promise.all(clients.map((client) => client.close()))
      return 'stored'
    },
  },
  {
    name: '32 clients each store 16 MiB in a server of 160 MiB',
    maxMemory: '160mb',
    async run({ master }) {
      const clients = await Promise.all(
        Array.from({ length: 32 }, () => connect({ masters: [formatAddress(master)] })),
      )
      const calls = clients.map((client, i) => client.set(`16 MiB ${i}`, Buffer.alloc(16 * MIB, i), PATIENT))
      const ended = await Promise.allSettled(calls)
      await Promise.all(clients.map((client) => client.close()))
      const refusals = ended.filter((call) => call.status === 'rejected')
      const codes = new Set(refusals.map(({ reason }) => (reason as { code?: string }).code))
      return `${ended.length - refusals.length} stored, ${refusals.length} refused ${[...codes].join(', ')}`
    },
  },
  ...[3, 30].map((seconds): Flood => ({
    name: `64 MiB stored and read over a link that takes ${seconds} s for each, a full server`,
    prepare: ({ cache }) => fill(cache),
    async run(target) {
      const proxy = await slowly(target.server, MIB, (seconds * 1000) / 64)
      const link = await open(proxy.address)
      const stored = count(link, 1)
      link.stage(Buffer.alloc(64 * MIB, 9), ({ id }) => link.sendData(setOfValueAhead(target, 'largest', id)))
      await stored
      const read = count(link, 1)
      link.sendData(commands(target, [CommandCode.GET, 'largest']))
      await read
      link.terminate()
      proxy.close()
      return 'stored and read'
    },
  })),
]

function objects(): string[] {
  return Array.from({ length: OBJECTS }, (_, i) => `object ${i}`)
}

function repeated(count: number, ...fields: unknown[]): unknown[] {
  return new Array<unknown[]>(count).fill(fields).flat()
}

/** Enough small values to fill the budget of the server. */
async function fill(cache: Client): Promise<void> {
  for (let at = 0; at < 260_000; at += 1000)
    await Promise.all(Array.from({ length: 1000 }, (_, i) => cache.set(`small ${at + i}`, 'x'.repeat(100))))
}

function header({ cache }: Target, firstId = 0): Message {
  const { epoch, version } = cache.topology
  return [MessageType.COMMANDS, epoch, version, firstId, 1, 0]
}

function commands(target: Target, fields: readonly unknown[], firstId = 0): Buffer {
  return fromVersion1([...header(target, firstId), ...fields]).bytes
}

/** The same, as version 1 of the protocol has it. */
function array(target: Target, fields: readonly unknown[]): Buffer {
  return Buffer.from(encodeFrame([...header(target), ...fields]))
}

/** @param id of the value, on the link */
function setOfValueAhead({ cache }: Target, key: string, id: number): Buffer {
  const writer = new FrameWriter()
  const { epoch, version } = cache.topology
  beginCommands(writer, { epoch, version, firstId: 0, nextNumber: 1, settledBelow: 0 }, true)
  writeSet(writer, key, undefined, ValueKind.BYTES, 0, false)
  const frame = writer.finish()
  nameAhead(frame, id)
  return frame
}

/** The largest frame, which begins so and goes on with this byte. */
function filled(start: readonly number[], byte: number): Buffer {
  const frame = Buffer.alloc(start.length + 0x3ffff0, byte)
  frame.set(start)
  return frame
}

async function open(address: Address): Promise<Link> {
  const self = { role: 'client', cluster: 'icf', id: '', details: [] } as const
  const link = await dial(nodeRuntime, address, self, 30_000)
  link.handlers = { message: () => undefined, data: () => undefined, close: () => undefined }
  return link
}

/** Resolves when so many answers have come on the link. */
function count(link: Link, answers: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = answers
    link.handlers = {
      message([type, , text]) {
        if (type === MessageType.REFUSED) reject(new Error(String(text)))
      },
      data(frame) {
        const [, ...fields] = toVersion1(frame, frame.ahead)
        for (let at = 0; at < fields.length; at += 2 + (fields[at + 1] as number)) left -= fields[at + 1] as number
        if (left <= 0) resolve()
      }, // prettier-ignore
      close: () => reject(new Error('the connection was closed')),
    }
  })
}

/** So many clients send the frame in the same moment. @returns how many answers came, of all */
async function answered(
  { server }: Target,
  clients: number,
  frame: Buffer,
  answers: number,
): Promise<number> {
  const links = await Promise.all(Array.from({ length: clients }, () => open(server)))
  const all = links.map((link) => count(link, answers))
  for (const link of links) link.sendFrame(frame)
  await Promise.all(all)
  for (const link of links) link.terminate()
  return clients * answers
}

async function refused(address: Address, frame: Buffer): Promise<string> {
  const link = await open(address)
  return new Promise((resolve) => {
    let why = 'closed without a word'
    link.handlers = {
      message([type, , text]) {
        if (type === MessageType.REFUSED) why = `refused: ${String(text).slice(0, 60)}`
      },
      data: () => undefined,
      close: () => resolve(why),
    }
    link.sendFrame(frame)
  })
}
