import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyTopology, NONE, SLOT_COUNT, type ServerInfo } from '@icf/common'
import { countTogether } from './together.js'
import { Harness } from './harness.test.kit.js'

function server(machine: string, zone: string): ServerInfo {
  return { id: '', host: '', port: 1, respPort: 0, zone, machine, weight: 1, state: 'active' }
}

test('counts the slots whose copies share a machine, or else a zone', () => {
  const { primary, backup } = emptyTopology({ virtualNodes: 1, seed: 0 })
  const servers = [server('m', 'a'), server('m', 'a'), server('n', 'a'), server('', ''), server('', '')]
  const columns = { primary: primary.slice().fill(NONE), backup: backup.slice().fill(NONE) }
  const copies = [[0, 1], [1, 0], [0, 2], [0, 3], [3, 4], [0, NONE]] // prettier-ignore
  copies.forEach(([first, second], slot) => {
    columns.primary[slot] = first!
    columns.backup[slot] = second!
  })
  assert.deepEqual(countTogether({ servers, ...columns }), { onOneMachine: 2, inOneZone: 1 })
})

test('backups go to another machine as soon as there is one, and until then an event says that they can not', () => {
  const harness = new Harness()
  for (const machine of ['m', 'm']) harness.join(undefined, { machine })
  harness.settle()
  const together = (): object[] =>
    harness.events
      .filter(({ type }) => type === 'COPIES_TOGETHER')
      .map(({ slots, reason }) => ({ slots, reason }))
  assert.deepEqual(together(), [{ slots: SLOT_COUNT, reason: 'on one machine' }])
  harness.join(undefined, { machine: 'n' })
  harness.settle()
  assert.deepEqual(countTogether(harness.topology), { onOneMachine: 0, inOneZone: 0 })
  assert.equal(together().length, 1)
})
