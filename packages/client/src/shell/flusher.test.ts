import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeRuntime } from '@icf/common/node'
import { Flusher } from './flusher.js'

/** What happened, in order, when the event loop has come around. */
async function record(run: (flusher: Flusher<string>, log: string[]) => void): Promise<string[]> {
  const log: string[] = []
  const flusher = new Flusher<string>(nodeRuntime, (peer) => log.push(peer))
  await new Promise<void>((resolve) => {
    setImmediate(() => {
      run(flusher, log)
      process.nextTick(() => log.push('-- end of turn'))
      setImmediate(() => {
        log.push('-- after poll')
        resolve()
      })
    })
  })
  return log
}

test('a lone call leaves in this turn, and takes along what its promise reactions ask for', async () => {
  const log = await record((flusher, log) => {
    void Promise.resolve().then(() => flusher.request('a', true))
    void Promise.resolve()
      .then(() => undefined)
      .then(() => {
        log.push('last reaction')
        flusher.request('b', false)
      })
  })
  assert.deepEqual(log, ['-- end of turn', 'last reaction', 'a', 'b', '-- after poll'])
})

test('with other calls under way it leaves after the sockets were read', async () => {
  const log = await record((flusher) => {
    flusher.request('a', false)
    flusher.request('b', false)
  })
  assert.deepEqual(log, ['-- end of turn', 'a', 'b', '-- after poll'])
})
