import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { IcfError } from '@icf/common'
import { connect } from './connect.js'
import { Emitter } from './shell/emitter.js'
import { FakeCluster, HOLD } from './fake-cluster.test.kit.js'

const CLIENT = new URL('./index.js', import.meta.url).href

/** Runs a script in a process of its own, which must end by itself. @returns what it printed */
async function runScript(script: string): Promise<string> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const killer = setTimeout(() => child.kill('SIGKILL'), 20_000)
  const [status] = (await once(child, 'close')) as [number | null]
  clearTimeout(killer)
  assert.equal(status, 0, `status ${status}: ${output}`)
  return output
}

test('close: what is under way fails with CLOSED, and so does what comes later; it may be called again', async () => {
  const cluster = await FakeCluster.start()
  const cache = await connect({ masters: cluster.addresses })
  const events: string[] = []
  cache.on('close', () => events.push('close'))
  cluster.servers[0]!.intercept = () => HOLD
  const pending = [cache.get('k'), cache.getMany(['a', 'b']), cache.set('k', 'v')]
  const closing = cache.close()
  assert.equal(cache.close(), closing)
  for (const call of pending) await assert.rejects(call, { code: 'CLOSED' })
  await closing
  await cache[Symbol.asyncDispose]()
  for (const call of [
    cache.get('k'),
    cache.set('k', 1),
    cache.getMany(['k']),
    cache.getMany([]),
    cache.setMany([]),
  ])
    await assert.rejects(call, { code: 'CLOSED', message: 'the client is closed' })
  assert.deepEqual(events, ['close'])
  for (const { links } of [...cluster.servers, ...cluster.masters]) assert.equal(links.size, 0)
  await cluster.stop()
})

test('a process that closed its client ends by itself', async () => {
  const cluster = await FakeCluster.start({ servers: 2, masters: 2 })
  const output = await runScript(`
    import { connect } from ${JSON.stringify(CLIENT)}
    const cache = await connect({ masters: ${JSON.stringify(cluster.addresses)} })
    await cache.set('k', 'v')
    console.log(await cache.get('k'))
    await cache.close()
  `)
  assert.equal(output, 'v\n')
  await cluster.stop()
})

test('a process whose cluster is dead ends by itself after close, without unhandled errors', async () => {
  const cluster = await FakeCluster.start({ servers: 2 })
  const child = runScript(`
    import { connect } from ${JSON.stringify(CLIENT)}
    const cache = await connect({ masters: ${JSON.stringify(cluster.addresses)} })
    await cache.set('k', 'v')
    await new Promise((resolve) => cache.once('masterLost', resolve))
    console.log(await cache.get('k', { timeoutMs: 100 }).catch((error) => error.code))
    await cache.close()
  `)
  await Promise.race(cluster.servers.map((server) => once(server, 'frame')))
  await cluster.stop()
  assert.equal(await child, 'TIMEOUT\n')
})

test('a process that could not connect ends by itself', async () => {
  const output = await runScript(`
    import { connect } from ${JSON.stringify(CLIENT)}
    await connect({ masters: ['127.0.0.1:1'], connectTimeoutMs: 200 }).catch((error) => console.log(error.code))
  `)
  assert.equal(output, 'UNREACHABLE\n')
})

test('an error event without a listener is dropped, with one it is heard', () => {
  const events = new Emitter<{ error: IcfError }>()
  events.emit('error', new IcfError('WRONG_CLUSTER', 'x'))
  const heard: string[] = []
  const listener = ({ code }: IcfError): number => heard.push(code)
  events.on('error', listener).once('error', listener)
  events.emit('error', new IcfError('WRONG_CLUSTER', 'x'))
  events.off('error', listener)
  events.emit('error', new IcfError('WRONG_CLUSTER', 'x'))
  assert.deepEqual(heard, ['WRONG_CLUSTER', 'WRONG_CLUSTER'])
})

test('a listener that throws is its owner’s uncaught exception, and the client goes on', async () => {
  const cluster = await FakeCluster.start()
  const output = await runScript(`
    import { connect } from ${JSON.stringify(CLIENT)}
    process.on('uncaughtException', (error) => console.log(error.message))
    const cache = await connect({ masters: ${JSON.stringify(cluster.addresses)} })
    cache.on('close', () => { throw new Error('oops') })
    await cache.close()
  `)
  assert.equal(output, 'oops\n')
  await cluster.stop()
})
