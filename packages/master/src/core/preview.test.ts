import type { Load } from '@icf/common'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled } from './harness.test.kit.js'
import { preview } from './preview.js'
import { NO_CUTS } from './reachability.js'

test('the estimate goes by who holds the slots now, not by who sends them after the roles have changed', () => {
  const { harness, servers } = settled(3)
  const heavy = servers[0]!.id
  const load = { primaryKeys: 1000, primaryBytes: 1e6 } as Load
  const loadOf = (id: string): Load | undefined => (id === heavy ? load : undefined)
  const { entries, bytes } = preview(harness.topology, [heavy], { out: new Set(), cuts: NO_CUTS }, loadOf)
  assert.ok(entries >= 1000 && bytes >= 1e6, `${entries} keys, ${bytes} bytes, of 1,000 and 1,000,000`)
})
