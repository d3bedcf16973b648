import {
  beginCommands,
  FrameWriter,
  MessageType,
  readDataFrame,
  writeSet,
  type FrameReader,
} from '@icf/common'
import { CacheServerCore, type LinkPort } from '@icf/cache-server/core'
import { Random } from '@icf/testkit/random'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { parseArgs } from 'node:util'
import { printRounds } from './steady-load.js'

/**
 * What a SET takes in the cores of the primary and of the backup, without sockets: `npm run bench:core -- --rounds 5`. Frames of
 * the client, the batch for the backup, and its acknowledgement are real; so many SETs are in a frame.
 */

const BATCHES = [1, 8, 150]
const KEYS = Array.from({ length: 20_000 }, (_, i) => `key:${String(i).padStart(8, '0')}`)
const VALUE = 'x'.repeat(100)
const BUDGET_BYTES = 256 * 1024 * 1024
const ROUND_SETS = 200_000
const WARM_UP_SETS = 400_000

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } })
const random = new Random(1)
const clock = performance
const sent = { toBackup: [] as Buffer[], toPrimary: [] as Buffer[] }
const [primary, backup] = [makeCore('a'), makeCore('b')]
const servers = [primary, backup].map(({ id }) => serverInfo(id))
for (const core of [primary, backup]) core.adopt(topologyWith({ servers, primary: 0, backup: 1 }), 0)
const toBackup = port((frame) => sent.toBackup.push(frame))
const toPrimary = port((frame) => sent.toPrimary.push(frame))
let answeredBytes = 0
const client = primary.openClient(
  port((frame) => (answeredBytes += frame.length)),
  'client',
)
backup.primaryConnected(primary.id, primary.channelIdTo(backup.id), toPrimary, true)
primary.peerConnected(backup.id, toBackup, true, true)
const writer = new FrameWriter()
let next = 1

for (const batch of BATCHES) {
  run(batch, WARM_UP_SETS)
  const rounds = Array.from({ length: Number(values.rounds) }, () => run(batch, ROUND_SETS))
  for (const part of ['primary', 'backup', 'acknowledgement'] as const)
    printRounds(`${batch} SETs in a frame, ${part} of each`, rounds.map((round) => round[part]), 'ns') // prettier-ignore
}
if (answeredBytes === 0) throw new Error('nothing was answered')

function makeCore(name: string): CacheServerCore {
  const nobody = (): void => undefined
  const core = new CacheServerCore({
    clock,
    id: name.repeat(40),
    budgetBytes: BUDGET_BYTES,
    toMaster: nobody,
    flushSoon: nobody,
    followed: nobody,
    termBegan: nobody,
    reconnect: nobody,
    mending: nobody,
    differs: nobody,
    ended: (why) => {
      throw new Error(`a cache server is ${why}`)
    },
  })
  core.masterConnected(Infinity)
  core.masterMessage(port(nobody), [MessageType.KEEP_ALIVE, core.lease.beat(0)], 0)
  return core
}

function port(sendData: (frame: Buffer) => void): LinkPort {
  return { send: () => undefined, sendData, stage: () => undefined }
}

/** @returns nanoseconds of each SET */
function run(batch: number, count: number): Record<'primary' | 'backup' | 'acknowledgement', number> {
  const spent = { primary: 0, backup: 0, acknowledgement: 0 }
  const timed = (part: keyof typeof spent, body: (now: number) => void): void => {
    const now = clock.now()
    body(now)
    spent[part] += (1e6 * (clock.now() - now)) / count
  }
  for (let done = 0; done < count; done += batch) {
    const commands = commandsOf(batch)
    timed('primary', (now) => {
      primary.clientData(client, commands, now)
      primary.flush(() => clock.now())
    })
    for (const frame of sent.toBackup.splice(0).map(arrived))
      timed('backup', (now) => {
        backup.primaryData(primary.id, toPrimary, frame, now)
        backup.flush(() => clock.now())
      })
    for (const frame of sent.toPrimary.splice(0).map(arrived))
      timed('acknowledgement', (now) => {
        primary.peerData(backup.id, toBackup, frame, now)
        primary.flush(() => clock.now())
      })
  }
  return spent
}

function commandsOf(batch: number): FrameReader {
  const header = { epoch: 1, version: 1, firstId: next, nextNumber: next, settledBelow: next }
  next += batch
  beginCommands(writer, header, false)
  for (let i = 0; i < batch; i++) writeSet(writer, KEYS[random.integer(0, KEYS.length)]!, VALUE, 1, 0, false)
  return arrived(writer.finish())
}

/** As it comes from a socket, in other memory. */
function arrived(frame: Buffer): FrameReader {
  return readDataFrame(Buffer.from(frame), () => undefined)
}
