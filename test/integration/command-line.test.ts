// What the `icf` command answers where processes or circumstances are wrong; to wrong usage alone: main.test.ts and program.test.ts of
// the command.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { limits } from '@icf/common'
import { Cluster } from '../support/cluster.js'
import { icf, runIcf, type Outcome } from '../support/icf.js'
import { freeBasePort, freePort, upOffsets } from '@icf/testkit/ports'
import { waitUntil } from '@icf/testkit/wait'

describe('icf up', () => {
  const dir = mkdtempSync(join(tmpdir(), 'icf-up-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('tells what its processes refuse: exit code 2', async () => {
    const basePort = await freeBasePort(upOffsets(1, 1))
    const up = ['up', '--servers', 1, '--base-port', basePort, '--dir', dir]
    const cases: readonly [args: readonly string[], says: RegExp][] = [
      [['--coordination', 'etcd'], /master 127.*--coordination etcd: write --etcd http/],
      [['--resp-port', '6100'], /cache server 127.*the Redis protocol is not available yet/],
      [['--lease', '5s'], /master 127.*deadAfterMs/],
    ]
    for (const [args, says] of cases) {
      const outcome = await runIcf([...up, ...args])
      assert.equal(outcome.code, 2, outcome.stderr)
      assert.match(outcome.stderr, says)
      assertNoTrace(outcome)
    }
  })
})

describe('with a cluster', () => {
  let cluster: Cluster
  before(async () => (cluster = await Cluster.start({ servers: 1 })))
  after(() => cluster.stop())

  it('a key that can not be one is wrong usage: exit code 2', async () => {
    for (const key of ['', 'k'.repeat(4097)])
      for (const args of [
        ['get', key],
        ['set', key, 'v'],
        ['del', key],
        ['ttl', key],
        ['where', key],
      ]) {
        const outcome = await runIcf([...args, ...cluster.connectArgs])
        assert.equal(outcome.code, 2, `${args[0]}: ${outcome.stderr}`)
        assert.match(outcome.stderr, /key/)
      }
  })

  it('a missing key is a no: exit code 1', async () => {
    assert.equal((await runIcf(['get', 'missing', ...cluster.connectArgs])).code, 1)
    assert.equal((await runIcf(['ttl', 'missing', ...cluster.connectArgs])).code, 1)
  })

  it('what was set is there, in another process', async () => {
    assert.equal((await runIcf(['set', 'greeting', 'hello', '--ttl', '60s', ...cluster.connectArgs])).code, 0)
    const got = await runIcf(['get', 'greeting', ...cluster.connectArgs])
    assert.deepEqual([got.code, got.stdout.trimEnd()], [0, 'hello'])
    assert.equal((await runIcf(['del', 'greeting', ...cluster.connectArgs])).code, 0)
    assert.equal((await runIcf(['get', 'greeting', ...cluster.connectArgs])).code, 1)
  })

  it('files whose keys are too long are skipped, by load and verify: exit code 3', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'icf-files-'))
    try {
      writeFileSync(join(dir, 'a'), 'text')
      for (const command of ['load', 'verify']) {
        const prefix = ['--prefix', 'p'.repeat(limits.maxKeyBytes)]
        const outcome = await runIcf([command, dir, ...prefix, ...cluster.connectArgs])
        assert.equal(outcome.code, 3, outcome.stderr)
        assert.match(outcome.stderr, /\ba: .*key[^]*1 file of/)
        assertNoTrace(outcome)
      }
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  it('a port in use: exit code 3', async () => {
    const { port } = cluster.servers[0]!
    for (const kind of ['cache', 'master']) {
      const outcome = await runIcf([
        kind,
        '--port',
        port,
        '--cluster',
        cluster.name,
        ...(kind === 'cache' ? cluster.connectArgs : ['--data-dir', 'none']),
      ])
      assert.equal(outcome.code, 3, outcome.stderr)
      assert.match(outcome.stderr, new RegExp(`${port}: another process listens there`))
      assertNoTrace(outcome)
    }
  })

  it('a cache server is refused by the master of another cluster: exit code 3', async () => {
    const masters = cluster.masterAddresses.join(',')
    const outcome = await runIcf([
      'cache',
      '--port',
      await freePort(),
      '--masters',
      masters,
      '--cluster',
      'another',
    ])
    assert.equal(outcome.code, 3, outcome.stderr)
    assert.match(outcome.stderr, /belongs to cluster/)
    assertNoTrace(outcome)
    assert.equal((await cluster.status()).servers.length, 1)
  })

  it('commands are refused by the master of another cluster: exit code 3', async () => {
    const masters = cluster.masterAddresses.join(',')
    for (const args of [['status'], ['get', 'a']]) {
      const outcome = await runIcf([...args, '--masters', masters, '--cluster', 'another'])
      assert.equal(outcome.code, 3, outcome.stderr)
      assert.match(outcome.stderr, /belongs to cluster/)
    }
  })

  it('shutting down a server that is not there, or the last one: exit code 3', async () => {
    const unknown = await runIcf(['shutdown', '127.0.0.1:1', ...cluster.connectArgs])
    assert.equal(unknown.code, 3, unknown.stderr)
    assert.match(unknown.stderr, /no cache server/)
    const last = await runIcf(['shutdown', cluster.servers[0]!.address, ...cluster.connectArgs])
    assert.equal(last.code, 3, last.stderr)
    assert.match(last.stderr, /no cache server would be left/)
    assert.ok(cluster.servers[0]!.child.isRunning)
  })
})

describe('without a master', () => {
  it('commands end with 3 and say where they looked', async () => {
    const master = `127.0.0.1:${await freePort()}`
    for (const args of [['status'], ['get', 'a'], ['set', 'a', 'b'], ['shutdown', 'abc'], ['load', '.']]) {
      const outcome = await runIcf([...args, '--masters', master, '--timeout', '1s'])
      assert.equal(outcome.code, 3, outcome.stderr)
      assert.ok(outcome.stderr.includes(master), outcome.stderr)
      assertNoTrace(outcome)
    }
  })

  it('a cache server waits for it, and joins when it comes', async () => {
    const [port, httpPort] = [await freePort(), await freePort()]
    const masters = ['--masters', `127.0.0.1:${port}`]
    const server = icf(['cache', '--port', await freePort(), ...masters])
    await waitUntil(() => server.stderr.includes(String(port)) || !server.isRunning, {
      what: 'a word about the master',
    })
    assert.ok(server.isRunning, server.transcript())
    const master = icf(['master', '--port', port, '--http-port', httpPort, '--data-dir', 'none'])
    try {
      await waitUntil(async () => (await runIcf(['status', '--wait', ...masters])).code === 0, {
        what: 'the master',
      })
      await waitUntil(async () => (await runIcf(['set', 'a', 'b', ...masters])).code === 0, {
        what: 'a first write',
      })
    } finally {
      for (const child of [server, master]) child.signal('SIGKILL')
      await Promise.all([server.exited, master.exited])
    }
  })
})

/** A person gets a sentence, not a stack. */
function assertNoTrace({ stderr }: Outcome): void {
  assert.doesNotMatch(stderr, /\n\s+at .*\(?file:|this is a bug/)
}
