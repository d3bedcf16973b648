import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { it } from 'node:test'
import { keySlot } from '@icf/common'
import { SimCluster, type SimClient } from './cluster.js'
import { Network } from './virtual/network.js'
import { CALM } from './virtual/weather.js'
import { World } from './virtual/world.js'

const SLOTS = 16
const KEYS = Array.from({ length: 40 }, (_, i) => `key ${i}`)
const LOST = KEYS[7]!
const PATIENCE_MS = 30_000

it('a key that a backup has lost is found by an audit of the cluster, named by its hash, and sent anew', async () => {
  const world = new World(1)
  const cluster = new SimCluster(new Network(world, CALM), {
    masters: 1,
    slotCount: SLOTS,
    budgets: [16 * 1024 * 1024],
    zones: ['zone'],
  })
  const logged: string[] = []
  cluster.copiesDiffered = (line) => logged.push(line)
  const until = (what: string, isDone: () => boolean): Promise<void> => world.until(what, isDone, PATIENCE_MS)

  for (const machine of ['machine-0', 'machine-1']) cluster.startServer(machine)
  let user: SimClient | undefined
  void cluster.startClient(PATIENCE_MS).then((client) => (user = client))
  await until('the cluster is whole', () => user !== undefined && cluster.isDoubled)
  let isStored = false
  user!.process.turn('stores', () => {
    const entries = KEYS.map((key) => [key, `value of ${key}`] as const)
    void user!.client.setMany(entries).then(() => (isStored = true))
  })
  await until('all is stored', () => isStored)

  const slot = keySlot(LOST, SLOTS)
  const topology = cluster.masters.acting.node!.core!.topology
  const backupId = topology.servers[topology.backup[slot]!]!.id
  const { store } = cluster.servers.find(({ incarnation }) => incarnation.id === backupId)!.incarnation.core
  assert.ok(store.peek(slot, LOST))
  store.remove(slot, LOST)

  const { node, process } = cluster.masters.acting
  const audit = async (): Promise<number[]> => {
    process.turn('audits', () => node!.audit())
    await until('the audit ends', () => node!.core!.audit(process.now())?.running === false)
    const { missing, extra, different, unmended, compared } = node!.core!.audit(process.now())!
    assert.equal(compared, SLOTS)
    return [missing, extra, different, unmended]
  }
  assert.deepEqual(await audit(), [1, 0, 0, 0])
  assert.equal(store.peek(slot, LOST)?.value, `value of ${LOST}`)
  const hash = createHash('sha256').update(LOST).digest('hex').slice(0, 16)
  assert.equal(logged.length, 1)
  assert.match(logged[0]!, new RegExp(`"keys":\\[{"hash":"${hash}","kind":"missing"}\\]`))
  assert.deepEqual(await audit(), [0, 0, 0, 0])
})
