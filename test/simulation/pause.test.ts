// Cache servers stand still for some seconds, as when a machine sleeps: how long the writes wait that need them.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { longestWrite, type CalmCluster } from './longest-write.js'

/** The master declares dead who says nothing for 1.5 s by its clock, which may be slow; then the others have to hear of it. */
const TAKEN_OVER_MS = 1800
/** Twice the time after which the master declares dead who says nothing. */
const PAUSE_MS = 3000
const GAP_MS = 200
/** That a master is away: most of it is the start of its process. */
const RESTART_MS = 1500
const AFTERWARDS_MS = 6000
/** When all go on, with the master back: until the next lease, and until who was tried in vain is tried again. */
const SOON_MS = 200

describe('all servers stop and go on, and what waited for them is done soon afterwards:', () => {
  it('the only one', async () => {
    requireSoon(await longestWrite(1, (calm) => pause(calm)), PAUSE_MS)
  })

  it('four, one after the other', async () => {
    requireSoon(await longestWrite(4, (calm) => pause(calm)), PAUSE_MS + 3 * GAP_MS)
  })

  it('four, while the master is killed and started again', async () => {
    const longestMs = await longestWrite(4, (calm) =>
      pause(calm, async () => {
        const { masters } = calm.cluster
        masters.acting.process.kill()
        await calm.pass(RESTART_MS)
        masters.start(masters.acting)
      }),
    )
    requireSoon(longestMs, RESTART_MS + PAUSE_MS + 3 * GAP_MS)
  })
})

it('when one of three stops, the others take over', async () => {
  const longestMs = await longestWrite(3, async ({ cluster, pass }) => {
    cluster.servers[1]!.process.stop()
    await pass(AFTERWARDS_MS)
  })
  assert.ok(longestMs > 1000, `writes waited for it: ${longestMs} ms`)
  assert.ok(longestMs < TAKEN_OVER_MS, `one took ${longestMs} ms`)
})

/** As real ones are in test/faults/pause.test.ts. */
async function pause(
  { cluster, pass }: CalmCluster,
  meanwhile = async (): Promise<void> => {},
): Promise<void> {
  const processes = cluster.servers.map(({ process }) => process)
  for (const process of processes) process.stop()
  await meanwhile()
  await pass(PAUSE_MS)
  for (const [at, process] of processes.entries()) {
    if (at > 0) await pass(GAP_MS)
    process.goOn()
  }
  await pass(AFTERWARDS_MS)
}

function requireSoon(longestMs: number, pauseMs: number): void {
  assert.ok(longestMs >= pauseMs, `they stood still: ${longestMs} ms`)
  assert.ok(longestMs < pauseMs + SOON_MS, `${longestMs - pauseMs} ms more than they stood still`)
}
