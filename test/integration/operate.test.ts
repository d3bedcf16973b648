// What an operator asks and does with the `icf` command, on a cluster that really is there.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { keyOf, keySlot, type Status, type Topology } from '@icf/common'
import { askTopology } from '../support/admin.js'
import type { Child } from '../support/child.js'
import { Cluster } from '../support/cluster.js'
import { icf, runIcf } from '../support/icf.js'
import { waitUntil } from '@icf/testkit/wait'

interface Event {
  readonly n: number
  readonly type: string
  readonly server?: string
}

describe('an operator', () => {
  let cluster: Cluster
  let follower: Child | undefined
  before(async () => (cluster = await Cluster.start({ servers: 3 })))
  after(async () => {
    follower?.signal('SIGKILL')
    await follower?.exited
    await cluster.stop()
  })

  it('sees in icf ring how the slots are shared out', async () => {
    const { epoch, version, servers, primary, backup } = await topology()
    const ring = JSON.parse(await succeeds('ring', '--json')) as Record<string, unknown>
    assert.deepEqual(
      [ring.epoch, ring.version, ring.slotsServed, ring.slotsBackedUp],
      [epoch, version, 16_384, 16_384],
    )
    const shown = ring.servers as { id: string; port: number; primarySlots: number; backupSlots: number }[]
    assert.deepEqual(
      shown.map(({ port }) => port),
      cluster.servers.map(({ port }) => port).sort((a, b) => a - b),
    )
    const lines = (await succeeds('ring')).split('\n')
    for (const { id, port, primarySlots, backupSlots } of shown) {
      const seat = servers.findIndex((server) => server?.id === id)
      assert.equal(primarySlots, primary.filter((owner) => owner === seat).length)
      assert.equal(backupSlots, backup.filter((owner) => owner === seat).length)
      const line = lines.find((text) => text.startsWith(`127.0.0.1:${port} `))!.replaceAll(',', '')
      for (const part of [id.slice(0, 8), String(primarySlots), String(backupSlots)])
        assert.ok(line.split(/ +/).includes(part), `${part} in: ${line}`)
    }
    assert.ok(
      lines.some((text) => text.startsWith('16,384 of 16,384 slots are served, 16,384 have a backup')),
    )
  })

  it('sees in icf where who holds a key', async () => {
    const { servers, primary, backup } = await topology()
    for (const key of ['user:1', '{user:1}:name', '汉字']) {
      const slot = keySlot(keyOf(key))
      const [first, second] = [servers[primary[slot]!]!, servers[backup[slot]!]!]
      const located = ({ id, host, port }: typeof first): object => ({ id, host, port })
      assert.deepEqual(JSON.parse(await succeeds('where', key, '--json')), {
        ...{ key, slot, primary: located(first), backup: located(second) },
      })
      const named = ({ host, port, id }: typeof first): string => `${host}:${port}  (${id.slice(0, 8)})`
      assert.equal(
        await succeeds('where', key),
        `slot     ${slot}\nprimary  ${named(first)}\nbackup   ${named(second)}\n`,
      )
    }
  })

  it('asks what a shutdown would move, and nothing changes', async () => {
    const before = await topology()
    const [leaver] = cluster.servers
    for (const name of [leaver!.address, leaver!.id, leaver!.id.slice(0, 12)]) {
      const { dryRun, servers, plan } = JSON.parse(
        await succeeds('shutdown', name, '--dry-run', '--json'),
      ) as {
        dryRun: boolean
        servers: string[]
        plan: { primaryMoves: number; backupMoves: number }
      }
      assert.deepEqual([dryRun, servers], [true, [leaver!.id]])
      assert.ok(plan.primaryMoves > 0 && plan.backupMoves > 0)
    }
    assert.match(await succeeds('shutdown', leaver!.address, '--dry-run'), /^1 server would leave: /)
    assert.deepEqual(await topology(), before)
    assert.ok(leaver!.child.isRunning)
    assert.ok((await cluster.status()).settled)
  })

  it('follows what happens while a server, named by the beginning of its id, is shut down', async () => {
    const known = events(await succeeds('events', '--json')).at(-1)!
    follower = icf(['events', '--follow', '--json', ...cluster.connectArgs])
    await waitUntil(() => seen().some(({ n }) => n === known.n), { what: 'what happened before' })
    const leaver = cluster.servers[1]!
    leaver.expectation = 'leaving'
    const { servers, dryRun } = JSON.parse(
      await succeeds('shutdown', leaver.id.slice(0, 12), '--timeout', '60s', '--json'),
    ) as { servers: string[]; dryRun: boolean }
    assert.deepEqual([servers, dryRun], [[leaver.id], false])
    assert.deepEqual(await leaver.child.exited, { code: 0, signal: null })
    for (const type of ['SHUTDOWN_CACHE', 'RELEASED'])
      await waitUntil(
        () => seen().some((event) => event.type === type && event.server === leaver.id && event.n > known.n),
        { what: type },
      )
    await cluster.settled()
    assert.ok(follower.isRunning, follower.transcript())
  })

  it('is told that a master which is alone has nobody to hand over to', async () => {
    const { code, stderr } = await runIcf(['failover', ...cluster.connectArgs])
    assert.equal(code, 2)
    assert.match(stderr, /this master has no standby: start masters with --peers/)
  })

  it('waits until all is settled, and is told when that takes too long: exit code 3', async () => {
    assert.equal((JSON.parse(await succeeds('status', '--wait', '--json')) as Status).settled, true)
    for (const server of cluster.members) cluster.kill(server, 'SIGKILL')
    await cluster.untilStatus('the deaths to be known', ({ settled }) => !settled)
    const args = ['status', '--wait', '--timeout', '4s', '--json', ...cluster.connectArgs]
    const { code, stdout, stderr } = await runIcf(args)
    assert.equal(code, 3, stderr)
    assert.equal((JSON.parse(stdout) as Status).settled, false)
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
    assert.equal(error.code, 'TIMEOUT')
    assert.match(error.message, /^not settled within 4\.0 s: /)
  })

  /** What the command printed. */
  async function succeeds(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await runIcf([...args, ...cluster.connectArgs])
    assert.equal(code, 0, `icf ${args.join(' ')}: ${stderr}`)
    return stdout
  }

  function topology(): Promise<Topology> {
    return askTopology(cluster.masterAddresses, cluster.name)
  }

  function seen(): Event[] {
    return events(follower!.stdout)
  }
})

/** The last line may still be on its way. */
function events(stdout: string): Event[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event)
}
