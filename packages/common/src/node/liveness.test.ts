import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Introduction } from '../wire/introduction.js'
import { MessageType } from '../wire/messages.js'
import { dial, listen, nodeRuntime, watchLiveness, type Link, type Listener } from './index.js'

const acceptor: Introduction = { role: 'master', cluster: 'test', id: 'm', details: [] }
const opener: Introduction = { role: 'client', cluster: 'test', id: '', details: [] }

/** Both ends of a link, and its acceptor. */
async function openPair(): Promise<{ near: Link; far: Link; listener: Listener }> {
  const accepted: Link[] = []
  const listener = await listen(nodeRuntime, { host: '127.0.0.1', port: 0 }, 'test', {
    introduce: () => acceptor,
    admit: () => undefined,
    opened: (link) => {
      link.handlers = { message: () => undefined, close: () => undefined }
      accepted.push(link)
    },
  })
  const near = await dial(nodeRuntime, listener.address, opener, 10_000)
  return { near, far: accepted[0]!, listener }
}

/** A link whose peer answers while `answers` is true, and a clock for it. */
function fakeLink(t: TestContext): {
  state: { isOpen: boolean; answers: boolean; pings: number }
  tick: () => void
} {
  t.mock.timers.enable({ apis: ['setInterval'] })
  const state = { isOpen: true, answers: true, pings: 0 }
  const link = {
    get isOpen() {
      return state.isOpen
    },
    takeHeard: () => state.answers,
    ping: () => void state.pings++,
    terminate: () => void (state.isOpen = false),
  }
  watchLiveness(nodeRuntime, link, 100)
  return { state, tick: () => t.mock.timers.tick(100) }
}

test('a peer that answers is left alone, also when it was silent for a while', (t) => {
  const { state, tick } = fakeLink(t)
  for (let i = 0; i < 10; i++) {
    state.answers = i % 2 === 0
    tick()
  }
  assert.deepEqual(state, { isOpen: true, answers: false, pings: 10 })
})

test('a peer that goes on saying nothing is terminated, and not asked again', (t) => {
  const { state, tick } = fakeLink(t)
  tick()
  state.answers = false
  tick()
  assert.equal(state.isOpen, true)
  tick()
  assert.equal(state.isOpen, false)
  for (let i = 0; i < 3; i++) tick()
  assert.equal(state.pings, 2)
})

test('a link that closes is not watched any longer', (t) => {
  const { state, tick } = fakeLink(t)
  state.isOpen = false
  for (let i = 0; i < 3; i++) tick()
  assert.equal(state.pings, 0)
})

test('a peer that takes what waited for it is alive, though its answer stands behind that', async () => {
  const { near, far, listener } = await openPair()
  far.pause()
  near.takeHeard()
  const much = new Uint8Array(1024 * 1024)
  while (near.unsentBytes === 0) {
    near.send([MessageType.RESULTS, much])
    await setImmediate()
  }
  near.takeHeard()
  assert.equal(near.takeHeard(), false, 'nothing is taken')
  const before = near.unsentBytes
  far.resume()
  while (near.unsentBytes === before) await setImmediate()
  assert.equal(near.takeHeard(), true)
  near.terminate()
  await listener.close()
})

test('an answer to a ping is heard; what is not read is not held against the peer', async () => {
  const { near, listener } = await openPair()
  assert.equal(near.takeHeard(), true)
  assert.equal(near.takeHeard(), false)
  near.ping()
  while (!near.takeHeard()) await setImmediate()
  near.pause()
  assert.equal(near.takeHeard(), true)
  await listener.close()
})

test('a peer that stands still with its connection open', async () => {
  const { near, far, listener } = await openPair()
  const closed = new Promise<void>((resolve) => {
    near.handlers = { message: () => undefined, close: resolve }
  })
  far.pause()
  watchLiveness(nodeRuntime, near, 20)
  await closed
  await listener.close()
})
