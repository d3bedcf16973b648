import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { errorToWire, MessageType, type ErrorCode, type Message, type Status } from '@icf/common'
import type { Link } from '@icf/common/node'
import { FakeProcess } from '@icf/testkit/fake-process'
import { untilStatus } from './until-status.js'

let master: FakeProcess
afterEach(() => master.stop())

/** A master that gives these answers, one after the other, and the last one again and again. */
async function answering(
  ...answers: (Partial<Status> | ErrorCode)[]
): Promise<{ masters: string; cluster: string; timeoutMs: number }> {
  master = new FakeProcess({ role: 'master', cluster: 'icf', id: 'm', details: [] })
  master.on('message', (link: Link, [, request]: Message) => {
    const answer = answers.length > 1 ? answers.shift()! : answers[0]!
    const result =
      typeof answer === 'string' ? [false, errorToWire(answer), `it is ${answer}`] : [true, answer]
    link.send([MessageType.ADMIN_RESPONSE, request, ...result])
  })
  await master.start()
  return { masters: `127.0.0.1:${master.port}`, cluster: 'icf', timeoutMs: 10_000 }
}

const isSettled = ({ settled }: Status): boolean => settled

test('nobody is active yet: that is waited for, and then for what is wanted', async () => {
  const options = await answering(
    'STANDBY',
    'BUSY',
    { settled: false, version: 1 },
    { settled: true, version: 2 },
  )
  const seen: number[] = []
  const status = await untilStatus(options, 60_000, isSettled, ({ version }) => seen.push(version))
  assert.deepEqual([status.version, seen], [2, [1]])
})

test('it is told why it took too long', async () => {
  const options = await answering('STANDBY')
  await assert.rejects(
    untilStatus(options, 100, isSettled, () => undefined),
    {
      code: 'TIMEOUT',
      message: /did not settle within 100 ms: it is STANDBY/,
    },
  )
})

test('what waiting does not cure ends it', async () => {
  const options = await answering('UNKNOWN_COMMAND')
  await assert.rejects(
    untilStatus(options, 60_000, isSettled, () => undefined),
    { code: 'UNKNOWN_COMMAND' },
  )
})
