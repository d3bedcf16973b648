import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NONE, type ServerInfo } from '@icf/common'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { countTogether } from './together.js'
import { Harness, SLOTS } from './harness.test.kit.js'

const server = (machine: string, zone: string): ServerInfo => serverInfo('', { machine, zone })

test('counts the slots whose copies share a machine, or else a zone', () => {
  const servers = [server('m', 'a'), server('m', 'a'), server('n', 'a'), server('', ''), server('', '')]
  const copies = [[0, 1], [1, 0], [0, 2], [0, 3], [3, 4], [0, NONE]] // prettier-ignore
  const topology = topologyWith({
    servers,
    primary: (slot) => copies[slot]?.[0] ?? NONE,
    backup: (slot) => copies[slot]?.[1] ?? NONE,
  })
  assert.deepEqual(countTogether(topology), { onOneMachine: 2, inOneZone: 1 })
})

test('backups go to another machine as soon as there is one, and until then an event says that they can not', () => {
  const harness = new Harness()
  for (const machine of ['m', 'm']) harness.join(undefined, { machine })
  harness.settle()
  const together = (): object[] =>
    harness.events
      .filter(({ type }) => type === 'COPIES_TOGETHER')
      .map(({ slots, reason }) => ({ slots, reason }))
  assert.deepEqual(together(), [{ slots: SLOTS, reason: 'on one machine' }])
  harness.join(undefined, { machine: 'n' })
  harness.settle()
  assert.deepEqual(countTogether(harness.topology), { onOneMachine: 0, inOneZone: 0 })
  assert.equal(together().length, 1)
})
