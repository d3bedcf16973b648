// Frames that a fuzzer found: each harmed somebody else than its sender.
import { CommandCode, IcfError, MessageType, type Message } from '@icf/common'
import type { Wires } from '@icf/testkit/wires'
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import { threeMembers, topologyOf, type Member } from './members.test.kit.js'

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

  const fromClient = (...message: unknown[]): void => a.core.clientMessage(a.client, message, 0)

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
    const port = { send: () => undefined, stage: () => undefined }
    a.core.peerConnected(c.core.id, port)
    const acknowledge = (...fields: unknown[]): void => {
      const message: Message = [MessageType.BACK_ACK, ...fields]
      a.core.peerMessage(c.core.id, port, message, 0)
    }
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
})
