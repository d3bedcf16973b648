import assert from 'node:assert/strict'
import { it, mock } from 'node:test'
import { nodeRuntime } from '@icf/common/node'
import { STALLED_CLIENT_MS, StallWatch } from './stall-watch.js'

it('tells when nothing goes any more, and not while a little does', () => {
  mock.timers.enable({ apis: ['setTimeout'] })
  let bytes = 100
  let stalls = 0
  const watch = new StallWatch(
    nodeRuntime,
    () => bytes,
    () => stalls++,
  )
  watch.start()
  for (; bytes > 90; bytes--) mock.timers.tick(STALLED_CLIENT_MS - 1)
  assert.equal(stalls, 0)
  for (let look = 0; look < 3; look++) mock.timers.tick(STALLED_CLIENT_MS)
  assert.equal(stalls, 1)
  // Full again, after it was not.
  bytes = 200
  watch.start()
  mock.timers.tick(STALLED_CLIENT_MS - 1)
  watch.stop()
  for (let look = 0; look < 3; look++) mock.timers.tick(STALLED_CLIENT_MS)
  assert.equal(stalls, 1)
  // Full of answers that wait for something else.
  bytes = 0
  watch.start()
  for (let look = 0; look < 3; look++) mock.timers.tick(STALLED_CLIENT_MS)
  assert.equal(stalls, 1)
  mock.timers.reset()
})
