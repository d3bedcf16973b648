import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { IcfError } from '../errors.js'
import { decodeFrame, encodeFrame } from '../node/codec.js'
import { limits } from '../limits.js'
import { defaultTiming } from '../timing.js'
import { encodeTopology } from '../topology/codec.js'
import { emptyTopology } from '../topology/topology.js'
import { beginCommands, CommandCode, readCommandsHeader, REPEAT } from './commands.js'
import { readCopiesReport, slotsCopiedMessage, slotsHandedOffMessage } from './copies.js'
import { readDataFrame } from './data/data-frame.js'
import type { FrameReader } from './data/frame-reader.js'
import { FrameWriter } from './data/frame-writer.js'
import { helloMessage, readHello, readWelcome, welcomeMessage } from './handshake.js'
import { clientDetails, mastersDetails, meantServer, primaryDetails, readChannel, readMasters, readTiming, timingDetails } from './introduction.js' // prettier-ignore
import * as audit from './audit.js'
import { keepAliveMessage, leaseMessage, Leaving, readKeepAlive, readLease } from './keep-alive.js'
import { MessageType, PROTOCOL_VERSION, type Message } from './messages.js'
import * as probing from './probe.js'
import { readRegistration, registrationDetails } from './registration.js'
import { beginBatch, readBackAck, readBatchHeader, ReplicaOp, writeBackAck } from './replication.js'
import { answerMessage, isQuestion, questionMessage, readAnswer, readQuestion } from './voting.js'
import { fromVersion1, toVersion1 } from './version-1.js'
import { isTopologyUpdate, readTopologyUpdate, readUpdateVersion, topologyRequest, wholeTopologyMessage } from './topology-update.js' // prettier-ignore

const load = {
  primaryKeys: 1,
  primaryBytes: 2,
  backupKeys: 3,
  backupBytes: 4,
  evictions: 5,
  backupEvictions: 6,
  commands: 7,
  rssBytes: 8.5,
}

const kept = {
  epoch: 2,
  version: 5,
  voters: ['m', 's'],
  masters: ['m'],
  former: { voters: ['m'], masters: ['m'] },
  body: Uint8Array.of(1, 2, 3),
}

/** Over the wire and back. */
function sent(message: Message): Message {
  return decodeFrame(encodeFrame(message), () => undefined)
}

/** The frame that is written. */
function framed(write: (writer: FrameWriter) => void): FrameReader {
  const writer = new FrameWriter()
  write(writer)
  return readDataFrame(writer.finish(), () => undefined)
}

function backAck(refused: number): FrameReader {
  return framed((writer) => writeBackAck(writer, 7, 2, 3, new Set([1, refused])))
}

describe('what is written is read', () => {
  it('KEEP_ALIVE, and its answer', () => {
    const keepAlive = { beat: 9, leaving: Leaving.GIVE_UP, epoch: 2, version: 3, load, answeredBeat: 8 }
    assert.deepEqual(readKeepAlive(sent(keepAliveMessage(keepAlive))), keepAlive)
    assert.equal(readLease(sent(leaseMessage(9, 2, 3))), 9)
  })

  it('reports of copies', () => {
    const completions = [
      { slot: 0, since: 7 },
      { slot: 3, since: 9 },
    ]
    const report = { to: 'server', entries: 5, bytes: 6, completions }
    for (const message of [slotsCopiedMessage(report), slotsHandedOffMessage(report)])
      assert.deepEqual(readCopiesReport(sent(message), 4), report)
    assert.throws(() => readCopiesReport(slotsCopiedMessage(report), 3), { code: 'PROTOCOL' })
  })

  it('suspicions and probes', () => {
    const { probeMessage, probeResultMessage, readProbe, readProbeResult, readSuspect, suspectMessage } =
      probing
    assert.equal(readSuspect(sent(suspectMessage('server'))), 'server')
    for (const ids of [[], ['one', 'two']])
      assert.deepEqual(probing.readUnreachable(sent(probing.unreachableMessage(ids))), ids)
    const tooMany = Array.from({ length: limits.maxServers + 1 }, (_, i) => String(i))
    assert.throws(() => probing.readUnreachable(probing.unreachableMessage(tooMany)), { code: 'PROTOCOL' })
    const probe = { number: 1, serverId: 'server', address: { host: 'h', port: 7100 } }
    assert.deepEqual(readProbe(sent(probeMessage(probe))), probe)
    const result = { number: 1, outcome: 'gone' } as const
    assert.deepEqual(readProbeResult(sent(probeResultMessage(result.number, result.outcome))), result)
  })

  it('votes, and the word of the active master', () => {
    for (const question of [
      { type: 'vote', number: 1, epoch: 2, isTrial: true, has: undefined, ended: undefined },
      { type: 'vote', number: 1, epoch: 2, isTrial: false, has: { epoch: 1, version: 9 }, ended: 1 },
      { type: 'beat', number: 3, epoch: 2, state: undefined },
      { type: 'beat', number: 3, epoch: 2, state: kept },
      { type: 'last', number: 4, epoch: 2 },
    ] as const) {
      const message = sent(questionMessage(question))
      assert.ok(isQuestion(message))
      assert.deepEqual(readQuestion(message), question)
    }
    for (const newer of [undefined, kept, { ...kept, former: undefined }]) {
      const answer = { number: 7, isYes: true, epoch: 3, newer }
      assert.ok(!isQuestion(answerMessage(answer)))
      assert.deepEqual(readAnswer(sent(answerMessage(answer))), answer)
    }
  })

  it('batches, and what is refused of them', () => {
    const header = { epoch: 2, version: 3, number: 7 }
    assert.deepEqual(readBatchHeader(framed((writer) => beginBatch(writer, header, false))), header)
    assert.deepEqual(readBackAck(backAck(5), 6), { ...header, refused: [1, 5] })
    assert.throws(() => readBackAck(backAck(5), 5), { code: 'PROTOCOL' })
  })

  it('what is asked and answered in an audit', () => {
    for (const found of [undefined, [], [7, 2 ** 32 - 1, 0, 0]]) {
      const compared = { slot: 3, question: 9, entries: 5, isParted: found === undefined, found }
      assert.deepEqual(audit.readCompared(sent(audit.comparedMessage(compared)), 4), compared)
    }
    for (const keys of [undefined, [], ['a', 'b']]) {
      const listed = { slot: 3, question: 9, keys, hasMore: keys !== undefined }
      assert.deepEqual(audit.readListed(sent(audit.listedMessage(listed)), 4), listed)
    }
    const asked = { epoch: 1_800_000_000, number: 5, slots: [3, 0] }
    assert.deepEqual(audit.readAuditSlots(sent(audit.auditSlotsMessage(asked)), 4), asked)
    const audited = { ...asked, missing: 1, extra: 2, different: 3, unmended: 4 }
    assert.deepEqual(audit.readSlotsAudited(sent(audit.slotsAuditedMessage(audited)), 4), audited)
    assert.throws(() => audit.readSlotsAudited(audit.slotsAuditedMessage(audited), 3), { code: 'PROTOCOL' })
  })

  it('COMMANDS', () => {
    const header = { epoch: 2, version: 3, firstId: 4, nextNumber: 5, settledBelow: 6 }
    assert.deepEqual(readCommandsHeader(framed((writer) => beginCommands(writer, header, false))), header)
  })

  it('topologies', () => {
    const topology = { ...emptyTopology({ virtualNodes: 1, seed: 2 }, 16), epoch: 3, version: 4 }
    const update = sent(wholeTopologyMessage(topology))
    assert.ok(isTopologyUpdate(update) && !isTopologyUpdate(topologyRequest))
    assert.deepEqual(readUpdateVersion(update), { epoch: 3, version: 4 })
    assert.deepEqual(readTopologyUpdate(update, undefined, 16), topology)
  })

  it('introductions', () => {
    const about = (role: 'client' | 'cache-server' | 'master', details: readonly unknown[]) => ({
      role,
      cluster: 'c',
      id: 'a'.repeat(40),
      details,
    })
    const masters = ['m1', 'm2'].map((id) => ({ id, host: 'h', port: 7000 }))
    const [toServer, toClient] = [timingDetails(defaultTiming, masters), mastersDetails(masters)]
    assert.deepEqual(readTiming(about('master', toServer)), defaultTiming)
    assert.deepEqual(readMasters(about('master', toServer), 'cache-server'), masters)
    assert.deepEqual(readMasters(about('master', toClient), 'client'), masters)
    assert.deepEqual(readMasters(about('master', []), 'client'), [])
    for (const wrong of [['m'], [5, 'h', 1], ['m', 'h', -1], [...toClient, 'm']])
      assert.throws(() => readMasters(about('master', wrong), 'client'), { code: 'PROTOCOL' })
    const many = Array.from({ length: limits.maxMasters }, () => masters[0]!)
    for (const details of [timingDetails(defaultTiming, many), mastersDetails(many)])
      readWelcome(sent(welcomeMessage(about('master', details))), 'c')
    assert.equal(meantServer(about('client', clientDetails('server'))), 'server')
    const primary = about('cache-server', primaryDetails(5, 'server'))
    assert.deepEqual([readChannel(primary), meantServer(primary)], [5, 'server'])
    const place = { host: 'h', port: 7100, respPort: 6379, zone: 'z', machine: 'm', weight: 2 }
    const registration = { maxMemoryBytes: 1e6, epoch: 2, version: 3 }
    const details = registrationDetails({ info: place, ...registration })
    assert.deepEqual(readRegistration({ id: 'a'.repeat(40), details }), {
      info: { id: 'a'.repeat(40), ...place, state: 'active' },
      ...registration,
      canCompare: true,
    })
    assert.equal(readRegistration({ id: 'a'.repeat(40), details: details.slice(0, -1) }).canCompare, false)
  })
})

describe('what is malformed', () => {
  const nonsense = [undefined, null, -1, 1.5, NaN, 2 ** 53, 'text', [], {}, true]
  const readers: readonly [string, Message, (message: Message) => unknown][] = [
    ['KEEP_ALIVE', keepAliveMessage({ beat: 1, leaving: 0, epoch: 1, version: 1, load, answeredBeat: 0 }), readKeepAlive],
    ['its answer', leaseMessage(1, 1, 1), readLease],
    ['a report', slotsCopiedMessage({ to: 'x', entries: 1, bytes: 1, completions: [{ slot: 0, since: 1 }] }), (message) => readCopiesReport(message, 4)],
    ['SUSPECT', probing.suspectMessage('x'), probing.readSuspect],
    ['UNREACHABLE', probing.unreachableMessage(['x']), probing.readUnreachable],
    ['PROBE', probing.probeMessage({ number: 1, serverId: 'x', address: { host: 'h', port: 1 } }), probing.readProbe],
    ['PROBE_RESULT', probing.probeResultMessage(1, 'gone'), probing.readProbeResult],
    ['VOTE', questionMessage({ type: 'vote', number: 1, epoch: 2, isTrial: true, has: undefined, ended: 1 }), readQuestion],
    ['SPARE_MASTER', questionMessage({ type: 'beat', number: 1, epoch: 2, state: undefined }), readQuestion],
    ['VOTED', answerMessage({ number: 1, isYes: true, epoch: 2, newer: undefined }), readAnswer],
    ['a batch of version 1', [MessageType.KEY_VALUE_RESPONCE_BACK, 1, 1, 1], (message) => readBatchHeader(fromVersion1(message))],
    ['BACK_ACK of version 1', [MessageType.BACK_ACK, 1, 1, 1, [2]], (message) => readBackAck(fromVersion1(message), 4)],
    ['COMMANDS of version 1', [MessageType.COMMANDS, 1, 1, 1, 1, 1], (message) => readCommandsHeader(fromVersion1(message))],
  ] // prettier-ignore

  for (const [name, message, read] of readers)
    it(`in ${name} is refused, or means nothing`, () => {
      read(message)
      let refused = 0
      for (let field = 1; field < message.length; field++)
        for (const value of nonsense) {
          const broken = message.with(field, value)
          try {
            read(broken)
          } catch (error) {
            assert.ok(error instanceof IcfError && error.code === 'PROTOCOL', String(error))
            assert.match(error.message, /^the .+ must be .+, got [^[]+$/)
            refused++
          }
        }
      assert.ok(refused > 0)
    })
})

describe('a refusal says which field, what is right, and what came', () => {
  const hello = helloMessage({ role: 'client', cluster: 'c', id: 'i', details: [] })
  const long = 'x'.repeat(300)
  const topology = encodeTopology(emptyTopology({ virtualNodes: 1, seed: 2 }, 16))
  const update = (field: number, value: unknown): Message => [
    MessageType.DISTRIBUTION_RESPOND,
    topology.with(field, value),
  ]
  const cases: readonly [() => unknown, string][] = [
    [() => readBackAck(backAck(9), 4), 'the refused slot of BACK_ACK must be a whole number from 0 to 3, got 9'],
    [() => readLease([MessageType.KEEP_ALIVE]), `the beat of an answer to KEEP_ALIVE must be a whole number from 0 to ${2 ** 53 - 1}, got nothing`],
    [() => probing.readSuspect([MessageType.SUSPECT, null]), 'the server of SUSPECT must be a text, got nil'],
    [() => probing.readSuspect([MessageType.SUSPECT, { toString: 1 }]), 'the server of SUSPECT must be a text, got a map'],
    [() => probing.readSuspect([MessageType.SUSPECT, Buffer.alloc(3)]), 'the server of SUSPECT must be a text, got 3 bytes'],
    [() => probing.readProbeResult([MessageType.PROBE_RESULT, 1, 'dead']), 'the outcome of PROBE_RESULT must be "gone", "alive" or "unknown", got "dead"'],
    [() => readHello(hello.with(2, 'guest'), 'c'), 'the role in HELLO must be one of client, cache-server, master, admin, probe, got "guest"'],
    [() => readHello(hello.with(4, long), 'c'), `the id in HELLO must be a text of at most 255 characters, got "${'x'.repeat(40)}"… (300 characters)`],
    [() => readHello(hello.with(5, [[]]), 'c'), 'the details in HELLO must be an array of at most 32 numbers and texts of at most 255 characters, got an array of 1'],
    [() => readAnswer([MessageType.VOTED, 1, true, 1, [1, 1, ['m'], ['x'], null, Buffer.alloc(1)]]), 'the masters of a state of a master must be one or more of its voters, got an array of 1'],
    [() => readAnswer([MessageType.VOTED, 1, true, 1, [1, 1, ['m', ''], ['m'], null, Buffer.alloc(1)]]), 'the voters of a state of a master must be an array of up to 100 ids, got an array of 2'],
    [() => readAnswer([MessageType.VOTED, 1, true, 1, [1, 1, [], [], null, Buffer.alloc(1)]]), 'the masters of a state of a master must be one or more of its voters, got an array of 0'],
    [() => readAnswer([MessageType.VOTED, 1, true, 2 ** 48 + 1, null]), `the epoch of VOTED must be a whole number from 0 to ${2 ** 48}, got ${2 ** 48 + 1}`],
    [() => readQuestion([MessageType.VOTE, 1, 1, 1, null]), 'the trial of VOTE must be true or false, got 1'],
    [() => readTopologyUpdate(update(0, 7), undefined, 16), 'the form of a topology must be 0 for the whole or 1 for a difference, got 7'],
    [() => readTopologyUpdate(update(4, [['a', 5, 1, 0, '', 1, 0, '']]), undefined, 16), 'the host of a server of a topology must be a text, got 5'],
    [() => readTopologyUpdate(update(5, new Uint8Array(3)), undefined, 16), 'the primary column of a topology must be 32 bytes, two for each slot, got 3 bytes'],
    [() => readTopologyUpdate(update(7, [16, 0, 0, 0]), undefined, 16), 'the transition of a topology must be a slot from 0 to 15, got 16'],
    [() => readChannel({ role: 'cache-server', cluster: 'c', id: 'i', details: ['x'] }), `the number of the channel in HELLO must be a whole number from 0 to ${2 ** 53 - 1}, got "x"`],
  ] // prettier-ignore

  for (const [read, message] of cases) it(message, () => assert.throws(read, { code: 'PROTOCOL', message }))
})

describe('docs/protocol.md', () => {
  const text = readFileSync(new URL('../../../../docs/protocol.md', import.meta.url), 'utf8')

  it('names every message with its number', () => {
    for (const [name, number] of Object.entries(MessageType)) assert.match(text, new RegExp(`${name} \\[?${number}\\b`))
  }) // prettier-ignore

  /** How many fields the table lists that has this row. */
  const listed = (name: string, code: number): number => {
    const row = new RegExp(`\\| ${name} \\| ${code} \\| ([^|]*) \\|`).exec(text)
    assert.ok(row, name)
    return row[1]!.replaceAll(/\([^)]*\)/g, '').split(',').length
  }
  const isTranslated = (message: Message): void =>
    assert.deepEqual(toVersion1(fromVersion1(message), undefined), message)

  it('lists every command with its number and arguments', () => {
    const args: Record<keyof typeof CommandCode, unknown[]> = {
      GET: ['k'],
      SET: ['k', 'v', 1, 7, 1],
      DELETE: ['k'],
      HAS: ['k'],
      TTL: ['k'],
    }
    for (const [name, code] of Object.entries(CommandCode)) {
      const fields = args[name as keyof typeof CommandCode]
      assert.equal(listed(name, code), fields.length, name)
      isTranslated([MessageType.COMMANDS, 1, 1, 0, 1, 0, code, ...fields])
    }
    assert.equal(listed('REPEAT', REPEAT), 1)
  })

  it('lists every operation of a batch with as many fields as it has', () => {
    const fields: Record<keyof typeof ReplicaOp, unknown[]> = {
      PUT: [1, 2, 'k', 'v', 1, 7, 3],
      REMOVE: [1, 2, 'k', 3],
      FILL_BEGIN: [1, 2, 3],
      FILL: [1, 2, 'k', 'v', 1, 7],
      FILL_END: [1],
      ORIGIN: ['client', 2],
      WRITTEN: [1, 2],
      PARTED: [1],
      MEND: [1, 2],
      COMPARE: [1, 2, ['k', 'l']],
      LIST: [1, 2, 1],
    }
    for (const [name, code] of Object.entries(ReplicaOp)) {
      const own = fields[name as keyof typeof ReplicaOp]
      assert.equal(listed(name, code), own.length, name)
      isTranslated([MessageType.KEY_VALUE_RESPONCE_BACK, 1, 1, 1, code, ...own])
    }
  })
})

describe('protocol versions', () => {
  const self = { role: 'client', cluster: 'c', id: '', details: [] } as const
  const hello = helloMessage(self)

  it('next to each other work together: a cluster is upgraded process by process', () => {
    for (const version of [PROTOCOL_VERSION - 1, PROTOCOL_VERSION, PROTOCOL_VERSION + 1])
      assert.deepEqual(readHello(hello.with(1, version), 'c'), { ...self, protocolVersion: version })
  })

  it('further apart do not, and what is none does not either', () => {
    for (const version of [
      PROTOCOL_VERSION - 2,
      PROTOCOL_VERSION + 2,
      PROTOCOL_VERSION + 0.5,
      '1',
      null,
      [1],
    ])
      assert.throws(() => readHello(hello.with(1, version), 'c'), { code: 'WRONG_PROTOCOL_VERSION' })
  })
})
