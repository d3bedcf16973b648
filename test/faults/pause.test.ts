import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { underLoad } from '../support/scenario.js'
import { waitUntil } from '@icf/testkit/wait'

const PAUSE_MS = 10_000

describe('under load', () => {
  it('a server is stopped for 10 s, and comes back as a new member', async (t) => {
    await underLoad(t, { servers: 3 }, async (cluster) => {
      const paused = cluster.servers[1]!
      const idBefore = paused.id
      const stoppedAtMs = performance.now()
      cluster.kill(paused, 'SIGSTOP')
      await cluster.settled()
      await waitUntil(() => performance.now() - stoppedAtMs >= PAUSE_MS, { what: 'the pause to end' })
      cluster.kill(paused, 'SIGCONT')
      await cluster.settled()
      assert.notEqual(paused.id, idBefore)
      const { servers } = await cluster.status()
      const back = servers.find(({ port }) => port === paused.port)!
      assert.ok(back.primarySlots > 0 && back.backupSlots > 0, 'it holds its share again')
    })
  })
})
