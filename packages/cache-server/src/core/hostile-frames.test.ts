// Frames that a fuzzer found: each harmed somebody else than its sender.
import {
  CommandCode,
  FrameWriter,
  IcfError,
  MessageType,
  readDataFrame,
  SLOT_COUNT,
  writeBackAck,
} from '@icf/common'
import { dataOf } from '@icf/testkit/frames'
import type { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { DEAF, threeMembers, topologyOf, type Member } from './members.test.kit.js'

const refused = (about: RegExp) => (error: unknown) =>
  error instanceof IcfError && error.code === 'PROTOCOL' && about.test(error.message)

describe('a hostile frame', () => {
  let wires: Wires
  let a: Member
  let c: Member

  beforeEach(() => {
    ;({ wires, a, c } = threeMembers())
    a.connect(c)
    for (const { core } of [a, c]) core.adopt(topologyOf(1, 0, 2), 0)
    wires.run()
  })

  const fromClient = (...message: unknown[]): void => a.core.clientData(a.client, dataOf(message), 0)

  it('with write numbers that are not exact any more does not come to the backup, which would refuse all that follows', () => {
    const first = Number.MAX_SAFE_INTEGER
    const set = [CommandCode.SET, 'key', 'value', 1, 0, 0]
    assert.throws(
      () => fromClient(MessageType.COMMANDS, 1, 1, 0, first, 0, ...set, ...set),
      refused(/first write number .* whole number from 0 to/),
    )
    a.set('key', 'value')
    wires.run()
    assert.equal(a.get('key'), 'value')
  })

  it('with ids that are not exact any more is refused before its commands are counted by them', () => {
    const gets = Array.from({ length: 20_000 }, () => [CommandCode.GET, 'key']).flat()
    assert.throws(
      () => fromClient(MessageType.COMMANDS, 1, 1, Number.MAX_SAFE_INTEGER, 1, 0, ...gets),
      refused(/first id .* whole number from 0 to/),
    )
  })

  it('that acknowledges no batch, or refuses what is no slot, is refused', () => {
    a.core.peerConnected(c.core.id, DEAF)
    const acknowledge = (...fields: unknown[]): void =>
      a.core.peerData(c.core.id, DEAF, dataOf([MessageType.BACK_ACK, ...fields]), 0)
    for (const fields of [
      [Infinity, 1, 1, []],
      [0.5, 1, 1, []],
      [-1, 1, 1, []],
      [1, Number.NaN, 1, []],
      [1, 1, 'x', []],
      [1, 1, 1, {}],
      [1, 1, 1, [-1]],
      [1, 1, 1, [16_384]],
      [1, 1, 1, [[1]]],
    ])
      assert.throws(() => acknowledge(...fields), refused(/BACK_ACK/), JSON.stringify(fields))
  })

  it('that refuses more slots than there are is refused', () => {
    a.core.peerConnected(c.core.id, DEAF)
    const refuse = (count: number): void => {
      const writer = new FrameWriter()
      writeBackAck(writer, 0, 1, 1, new Set())
      for (let i = 0; i < count; i++) writer.count(0)
      const frame = readDataFrame(writer.finish(), () => undefined)
      a.core.peerData(c.core.id, DEAF, frame, 0)
    }
    refuse(SLOT_COUNT)
    assert.throws(() => refuse(SLOT_COUNT + 1), refused(/BACK_ACK with more than 16384 refused slots/))
  })
})
