// The masters that a topology lists.
import { MessageType, type MasterInfo } from '@icf/common'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { settled, type FakeServer, type Harness } from './harness.test.kit.js'
import { VERSION_INTERVAL_MS } from './versions.js'

const [one, other] = [1, 2].map((n): MasterInfo => {
  return { id: `m${n}`, host: '127.0.0.1', port: 7000 + n, httpPort: 0, machine: '' }
}) as [MasterInfo, MasterInfo]

function leasesOf({ inbox }: FakeServer): number {
  return inbox.filter(([type]) => type === MessageType.KEEP_ALIVE).length
}

function tell(harness: Harness, ...masters: MasterInfo[]): void {
  harness.step({ type: 'masters', masters })
  harness.pass(VERSION_INTERVAL_MS, () => false)
}

test('masters that came are in the next version, and the same again make none', () => {
  const { harness, servers } = settled(2)
  const { version } = harness.topology
  tell(harness, one, other)
  assert.deepEqual(servers[0]!.topology!.masters, [one, other])
  assert.equal(harness.topology.version, version + 1)
  tell(harness, { ...one }, { ...other })
  assert.equal(harness.topology.version, version + 1)
})

test('a version of which a term is the first one lists the masters of that term', () => {
  const { harness } = settled(2)
  tell(harness, one)
  harness.options = { masters: [other] }
  harness.restart()
  assert.deepEqual(harness.topology.masters, [other])
})

test('a topology that servers bring lists the masters of those who go on with it', () => {
  const { harness, servers } = settled(2)
  tell(harness, one)
  harness.persisted = undefined
  harness.options = { masters: [other], returnWindowMs: 500 }
  const { topology } = harness
  harness.restart(1)
  for (const server of servers) {
    harness.join(server)
    harness.tellTopology(server, topology)
  }
  harness.pass(600)
  assert.ok(harness.topology.version > topology.version)
  assert.deepEqual(harness.topology.masters, [other])
})

test('no server has a lease by a version that does not list a master that came', () => {
  const { harness, servers } = settled(2)
  const [server] = servers as [FakeServer]
  const before = server.topology!
  tell(harness, one)
  const after = server.topology!
  server.topology = before
  const leases = leasesOf(server)
  harness.beat(server)
  assert.equal(leasesOf(server), leases)
  server.topology = after
  harness.beat(server)
  assert.equal(leasesOf(server), leases + 1)
})

test('leases go on while a version that lists another master is on its way to be safe', () => {
  const { harness, servers } = settled(2)
  const [server] = servers as [FakeServer]
  harness.isPersisting = false
  tell(harness, one)
  const leases = leasesOf(server)
  harness.beat(server)
  assert.equal(leasesOf(server), leases + 1)
})
