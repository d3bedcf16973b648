import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { IcfError } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { pino } from 'pino'
import { MasterCore, type MasterEvent } from '../core/index.js'
import { ActiveTerm } from './active-term.js'
import { EventLog } from './event-log.js'
import { Links } from './links.js'
import { loneTerm } from './lone-coordination.js'

const timing = { heartbeatIntervalMs: 100, leaseMs: 1000, deadAfterMs: 1500 }

/** A term that has begun, and how many versions it wanted to be safe. */
async function begun(): Promise<{ term: ActiveTerm; commits: () => number }> {
  let commits = 0
  const term = new ActiveTerm(nodeRuntime, {
    term: loneTerm(undefined, 0, () => Promise.resolve(void commits++)),
    core: new MasterCore(nodeRuntime.now(), { epoch: 1, timing, ring: { virtualNodes: 4, seed: 1 } }),
    links: new Links(() => undefined, undefined),
    eventLog: new EventLog(),
    logger: pino({ level: 'silent' }),
    cluster: 'test',
    masterId: 'm',
    auditSchedule: undefined,
    began: () => undefined,
    unsaved: () => undefined,
  })
  term.begin()
  while (!term.isReady) await setImmediate()
  assert.equal(commits, 1)
  return { term, commits: () => commits }
}

const details = ['127.0.0.1', 7100, 0, '', 1, 1e6, 0, 0]
const join: MasterEvent = {
  type: 'linkOpened',
  link: 1,
  hello: { role: 'cache-server', id: 'a'.repeat(40), details },
}

test('after its end a term decides nothing, whatever is found out late', async () => {
  for (const [hasEnded, expected] of [
    [false, 2],
    [true, 1],
  ] as const) {
    const { term, commits } = await begun()
    const why = new IcfError('TERM_LOST', 'another master has it')
    if (hasEnded) await term.end(why)
    term.dispatch(join)
    assert.equal(commits(), expected)
    assert.equal(term.isReady, !hasEnded)
    await term.end(why)
    await assert.rejects(term.order('forget', ['a'.repeat(40)]), why)
  }
})
