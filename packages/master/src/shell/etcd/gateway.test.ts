import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { IcfError } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { EtcdGateway, EtcdRefusal, type EtcdMessage } from './gateway.js'

/** Longer than any test waits for an answer that comes. */
const LONG_MS = 60_000

type Answer = (
  request: { path: string; body: EtcdMessage; token: string | undefined },
  response: ServerResponse,
) => void

async function serve(t: TestContext, answer: Answer): Promise<string> {
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      const body = JSON.parse(text) as EtcdMessage
      answer({ path: request.url!, body, token: request.headers.authorization }, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function read(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  return text
}

function gatewayTo(t: TestContext, ...endpoints: string[]): EtcdGateway {
  const gateway = new EtcdGateway(nodeRuntime, { endpoints })
  t.after(() => gateway.stop())
  return gateway
}

function refuse(response: ServerResponse, status: number, code: number, error: string): void {
  response.statusCode = status
  response.end(JSON.stringify({ error, code }))
}

test('an answer is taken from the first endpoint that gives one', async (t) => {
  const silent = await serve(t, () => undefined)
  const broken = await serve(t, (_, response) => response.destroy())
  const noEtcd = await serve(t, (_, response) => response.end('<html>hello</html>'))
  const leaderless = await serve(t, (_, response) => refuse(response, 503, 14, 'etcdserver: no leader'))
  const well = await serve(t, ({ path, body }, response) => response.end(JSON.stringify({ path, body })))
  const gateway = new EtcdGateway(nodeRuntime, { endpoints: [broken, noEtcd, leaderless, silent, well] })
  t.after(() => gateway.stop())
  const answer = await gateway.call('/v3/kv/range', { key: 'YQ==' }, 2000)
  assert.deepEqual(answer, { path: '/v3/kv/range', body: { key: 'YQ==' } })
})

test('a call ends at its deadline, and says what was wrong last', async (t) => {
  const gateway = gatewayTo(t, await serve(t, (_, response) => refuse(response, 503, 14, 'no leader')))
  await assert.rejects(
    gateway.call('/v3/kv/range', {}, 200),
    (error: IcfError) => error.code === 'UNREACHABLE' && /etcd refuses: no leader/.test(error.message),
  )
  const stream = gatewayTo(
    t,
    await serve(t, (_, response) => {
      response.statusCode = 503
      response.end(JSON.stringify({ error: { grpc_code: 14, http_code: 503, message: 'lost its leader' } }))
    }),
  )
  await assert.rejects(stream.call('/v3/lease/keepalive', {}, 1000), /etcd refuses: lost its leader/)
  const silent = gatewayTo(t, await serve(t, () => undefined))
  await assert.rejects(silent.call('/v3/kv/range', {}, 200), /can not reach etcd: .*no answer in time/)
})

test('what etcd refuses for good is not tried again', async (t) => {
  let calls = 0
  const url = await serve(t, (_, response) => {
    calls++
    refuse(response, 404, 5, 'etcdserver: requested lease not found')
  })
  await assert.rejects(
    gatewayTo(t, url).call('/v3/kv/txn', {}, LONG_MS),
    (error: EtcdRefusal) => error instanceof EtcdRefusal && error.grpcCode === 5,
  )
  assert.equal(calls, 1)
})

test('a token is fetched first, and another one when it is not valid any more', async (t) => {
  let given = 0
  let valid = ''
  const url = await serve(t, ({ path, body, token }, response) => {
    if (path === '/v3/auth/authenticate') {
      assert.deepEqual(body, { name: 'icf', password: 'secret' })
      response.end(JSON.stringify({ token: (valid = `token-${++given}`) }))
    } else if (token !== valid) refuse(response, 401, 16, 'etcdserver: invalid auth token')
    else response.end('{"count":"1"}')
  })
  const gateway = new EtcdGateway(nodeRuntime, { endpoints: [url], user: 'icf', password: 'secret' })
  t.after(() => gateway.stop())
  assert.deepEqual(await gateway.call('/v3/kv/range', {}, LONG_MS), { count: '1' })
  valid = 'none of those that were given'
  assert.deepEqual(await gateway.call('/v3/kv/range', {}, LONG_MS), { count: '1' })
  assert.equal(given, 2)
})

test('a wrong password is told, but not what it was', async (t) => {
  const url = await serve(t, (_, response) =>
    refuse(response, 400, 3, 'etcdserver: authentication failed, invalid user ID or password'),
  )
  const gateway = new EtcdGateway(nodeRuntime, { endpoints: [url], user: 'icf', password: 'secret' })
  t.after(() => gateway.stop())
  await assert.rejects(gateway.call('/v3/kv/range', {}, LONG_MS), (error: EtcdRefusal) => {
    assert.match(error.message, /authentication failed/)
    return !JSON.stringify([error.message, error]).includes('secret')
  })
})

test('a user is no hindrance where etcd lets in everybody', async (t) => {
  const url = await serve(t, ({ path }, response) => {
    if (path === '/v3/auth/authenticate')
      refuse(response, 412, 9, 'etcdserver: authentication is not enabled')
    else response.end('{}')
  })
  const gateway = new EtcdGateway(nodeRuntime, { endpoints: [url], user: 'icf', password: 'secret' })
  t.after(() => gateway.stop())
  assert.deepEqual(await gateway.call('/v3/kv/range', {}, LONG_MS), {})
})

test('a long answer is told line by line, however it is cut, until it ends', async (t) => {
  const url = await serve(t, (_, response) => {
    response.write('{"result":{"n"')
    setImmediate(() => {
      response.write(':1}}\n\n{"result":{"n":2}}\n{"res')
      response.end()
    })
  })
  const told: EtcdMessage[] = []
  await gatewayTo(t, url).follow(
    '/v3/watch',
    {},
    (message) => told.push(message),
    new AbortController().signal,
  )
  assert.deepEqual(told, [{ result: { n: 1 } }, { result: { n: 2 } }])
})

test('following ends when it is aborted, and when nothing is there to follow', async (t) => {
  const url = await serve(t, (_, response) => response.write('{}\n'))
  const stop = new AbortController()
  await gatewayTo(t, url).follow('/v3/watch', {}, () => stop.abort(), stop.signal)
  await gatewayTo(t, 'http://127.0.0.1:1').follow(
    '/v3/watch',
    {},
    () => undefined,
    new AbortController().signal,
  )
})

test('a stopped gateway calls nobody any more', async (t) => {
  const gateway = gatewayTo(t, await serve(t, () => undefined))
  const call = gateway.call('/v3/kv/range', {}, LONG_MS)
  setImmediate(() => gateway.stop())
  await assert.rejects(call, (error: IcfError) => error.code === 'UNREACHABLE')
})

test('what is no address of etcd, or no file, is refused at once', () => {
  for (const url of ['e:2379', 'ftp://e:2379', 'http://user:pass@e:2379', 'http://e:2379/v3', ''])
    assert.throws(() => new EtcdGateway(nodeRuntime, { endpoints: [url] }), /write where etcd is as http/)
  assert.throws(
    () => new EtcdGateway(nodeRuntime, { endpoints: ['https://e:2379'], caFile: '/nowhere/ca.pem' }),
    /can not read \/nowhere\/ca.pem/,
  )
})
