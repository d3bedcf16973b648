import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { IcfError } from '@icf/common'
import { connect } from './connect.js'
import { readOptions } from './options.js'
import { FakeCluster } from './fake-cluster.test.kit.js'
import { FakeProcess } from '@icf/testkit/fake-process'

/** Nothing listens there: ports below 1024 that no test can have opened. */
const NOBODY = [1, 2].map((port) => `127.0.0.1:${port}`)

test('wrong options are refused with what would be right', async () => {
  const good = { masters: ['127.0.0.1:1'] }
  const bad: [options: unknown, message: RegExp][] = [
    [undefined, /masters: \['127\.0\.0\.1:7000'\]/],
    [{}, /masters must be a list of addresses.*got undefined/],
    [{ masters: [] }, /masters must be a list/],
    [{ masters: 'localhost:7000' }, /masters must be a list.*"localhost:7000"/],
    [{ masters: [7000] }, /'host:port', got 7000/],
    [{ masters: ['localhost'] }, /"localhost" is not an address: write host:port/],
    [{ masters: ['localhost:0'] }, /is not an address/],
    [{ ...good, timeoutMs: 0 }, /timeoutMs must be a whole number from 1 to \d+, got 0/],
    [{ ...good, timeoutMs: '5s' }, /timeoutMs must be .* got "5s"/],
    [{ ...good, connectTimeoutMs: Infinity }, /connectTimeoutMs/],
    [{ ...good, maxPending: 1.5 }, /maxPending/],
    [{ ...good, maxPendingBytes: -1 }, /maxPendingBytes/],
    [{ ...good, cluster: '' }, /cluster must be a name/],
    [{ ...good, timeout: 5 }, /"timeout" is not an option; these are: masters, cluster, timeoutMs/],
  ]
  for (const [options, message] of bad)
    await assert.rejects(connect(options as never), { name: 'IcfError', code: 'INVALID_ARGUMENT', message })
})

test('a master that is named twice is one, however its port is written', () => {
  const { masters } = readOptions({ masters: ['a:7001', ' a:07001', 'a:7001 ', 'b:7001'] })
  assert.deepEqual(masters, [
    { host: 'a', port: 7001 },
    { host: 'b', port: 7001 },
  ])
})

test('no master: the error names each address and the reason', async () => {
  const connecting = connect({ masters: NOBODY, connectTimeoutMs: 1500 })
  await assert.rejects(connecting, (error: IcfError) => {
    assert.equal(error.code, 'UNREACHABLE')
    for (const address of NOBODY)
      assert.ok(
        error.message.includes(
          `${address} (can not reach ${address}: connection refused: nothing listens there)`,
        ),
        error.message,
      )
    assert.match(error.message, /within 1500 ms/)
    return true
  })
})

test('one master of two is enough', async () => {
  const cluster = await FakeCluster.start()
  const cache = await connect({ masters: [...NOBODY, ...cluster.addresses] })
  await cache.set('a', 1)
  assert.equal(await cache.get('a'), 1)
  await cache.close()
  await cluster.stop()
})

test('a master that starts later is found within the time', async () => {
  const cluster = await FakeCluster.start()
  const [master] = cluster.masters
  await master!.stop()
  const connecting = connect({ masters: cluster.addresses })
  await master!.start(master!.port)
  const cache = await connecting
  assert.equal(cache.topology.servers.length, 1)
  await cache.close()
  await cluster.stop()
})

test('a master that has no topology yet: the client waits for it, and says so when it does not come', async () => {
  const cluster = await FakeCluster.start()
  const { topology } = cluster
  cluster.topology = { ...topology, epoch: 0, version: 0 }
  await assert.rejects(connect({ masters: cluster.addresses, connectTimeoutMs: 1500 }), {
    code: 'UNREACHABLE',
    message: /connected, but it sent no topology/,
  })
  const connecting = connect({ masters: cluster.addresses })
  await once(cluster.masters[0]!, 'opened')
  cluster.topology = topology
  cluster.pushWhole()
  await (await connecting).close()
  await cluster.stop()
})

test('another cluster is refused at once', async () => {
  const cluster = await FakeCluster.start({ name: 'blue' })
  const connecting = connect({ masters: cluster.addresses, cluster: 'green', connectTimeoutMs: 60_000 })
  await assert.rejects(connecting, {
    code: 'WRONG_CLUSTER',
    message: /belongs to cluster "blue", the other one to "green"/,
  })
  await cluster.stop()
})

test('a cache server tells where everybody is while no master is there, once it knows that itself', async () => {
  const cluster = await FakeCluster.start({ servers: 2 })
  const [server, master] = [cluster.servers[0]!, cluster.masters[0]!]
  const { topology } = cluster
  await master.stop()
  cluster.topology = { ...topology, epoch: 0, version: 0 }
  const masters = [`127.0.0.1:${server.port}`]
  await assert.rejects(connect({ masters, connectTimeoutMs: 500 }), {
    code: 'UNREACHABLE',
    message: /is a cache server that follows no master yet/,
  })
  const connecting = connect({ masters })
  const listed = { id: master.self.id, ...master.address, httpPort: 0, machine: '' }
  cluster.topology = { ...topology, masters: [listed] }
  const cache = await connecting
  await cache.set('k', 'v')
  assert.equal(await cache.get('k'), 'v')
  await master.start(master.port)
  await once(master, 'opened')
  await cache.close()
  await cluster.stop()
})

test('a process that is neither a master nor a cache server is refused at once', async () => {
  const stranger = new FakeProcess({ role: 'admin', cluster: 'icf', id: '', details: [] })
  await stranger.start()
  const connecting = connect({ masters: [`127.0.0.1:${stranger.port}`], connectTimeoutMs: 60_000 })
  await assert.rejects(connecting, { code: 'INVALID_ARGUMENT', message: /is no master: name one/ })
  await stranger.stop()
})

test('something that is no icf process', async () => {
  const server = createServer((socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n')).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const connecting = connect({ masters: [`127.0.0.1:${port}`], connectTimeoutMs: 1500 })
  await assert.rejects(connecting, { code: 'UNREACHABLE', message: /Unexpected server response: 200/ })
  server.close()
})
