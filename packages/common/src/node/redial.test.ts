import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Address, Runtime, Socket } from '../runtime.js'
import { welcomeMessage } from '../wire/handshake.js'
import type { Introduction } from '../wire/introduction.js'
import { encodeFrame } from './codec.js'
import { nodeRuntime, Redialer } from './index.js'

/** What becomes of an attempt: nothing, nobody listens there, or it is answered and the link lost at once. */
type Fate = 'silence' | 'refusal' | 'welcome'

const ADDRESS: Address = { host: '127.0.0.1', port: 1 }
const opener: Introduction = { role: 'client', cluster: 'test', id: '', details: [] }
const WELCOME = encodeFrame(welcomeMessage({ role: 'master', cluster: 'test', id: 'm', details: [] }))

class FakeSocket extends EventEmitter {
  readonly readyState = 1
  readonly bufferedAmount = 0
  readonly send = (): void => undefined
  readonly terminate = (): void => undefined

  constructor(fate: Fate) {
    super()
    if (fate === 'refusal')
      process.nextTick(() => this.emit('error', Object.assign(new Error(), { code: 'ECONNREFUSED' })))
    if (fate === 'welcome') process.nextTick(() => this.emit('message', WELCOME))
  }
}

/** Attempts with those fates. @returns for how long each that was met by silence lasted */
async function patience(t: TestContext, fates: readonly Fate[]): Promise<number[]> {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  let [now, attempts] = [0, 0]
  const lasted: number[] = []
  const runtime: Runtime = {
    ...nodeRuntime,
    now: () => now,
    connect: () => new FakeSocket(fates[attempts++] ?? 'silence') as unknown as Socket,
  }
  const redialer = new Redialer(runtime, {
    address: ADDRESS,
    introduce: () => opener,
    opened: () => redialer.lost(),
    failed: (error, startedAt) => {
      if (error.code === 'TIMEOUT') lasted.push(now - startedAt)
    },
    timeoutMs: 1000,
    maxTimeoutMs: 4000,
    minDelayMs: 10,
    maxDelayMs: 10,
  })
  while (attempts <= fates.length) {
    now += 10
    t.mock.timers.tick(10)
    await setImmediate()
  }
  redialer.stop()
  return lasted
}

test('who gets no answer waits longer for it the next time, up to a bound', async (t) => {
  const fates: Fate[] = ['silence', 'silence', 'silence', 'silence']
  assert.deepEqual(await patience(t, fates), [1000, 2000, 4000, 4000])
})

test('an answer, and the proof that nobody listens, set the patience back', async (t) => {
  for (const end of ['welcome', 'refusal'] as const) {
    const fates: Fate[] = ['silence', 'silence', end, 'silence', 'silence']
    assert.deepEqual(await patience(t, fates), [1000, 2000, 1000, 2000])
    t.mock.timers.reset()
  }
})
