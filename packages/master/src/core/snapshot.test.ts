import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled } from './harness.test.kit.js'

test('nothing is settled while a member has missed several heartbeats', () => {
  const { harness, servers } = settled(3)
  const stopped = servers[1]!
  const isSettled = (): boolean => harness.core.snapshot(harness.now).isSettled
  harness.beat(stopped)
  harness.pass(275, (server) => server !== stopped)
  assert.ok(isSettled(), 'two are missing')
  harness.pass(25, (server) => server !== stopped)
  assert.ok(!isSettled(), 'three are missing')
  const quiet = harness.core.snapshot(harness.now).servers.filter(({ isQuiet }) => isQuiet)
  assert.deepEqual(quiet.map(({ id }) => id), [stopped.id]) // prettier-ignore
  harness.beat(stopped)
  assert.ok(isSettled(), 'it was only late')
})
