import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { BallotState, KeptState, Runtime } from '@icf/common'
import { nodeRuntime } from '@icf/common/node'
import { DurableBallot } from './durable-ballot.js'

const BOUND_MS = 600
const nothing = { epoch: 0, accepted: undefined }
const stateOf = (version: number): KeptState => ({
  epoch: 1,
  version,
  voters: ['m'],
  masters: ['m'],
  former: undefined,
  body: Uint8Array.of(version),
})

/** A disk that saves when it is told to. */
class Disk {
  readonly saved: BallotState<KeptState>[] = []
  readonly #waiting: { readonly state: BallotState<KeptState>; done(): void; fail(error: Error): void }[] = []

  readonly save = (state: BallotState<KeptState>): Promise<void> =>
    new Promise((done, fail) => this.#waiting.push({ state, done, fail }))

  get isBusy(): boolean {
    return this.#waiting.length > 0
  }

  async finish(error?: Error): Promise<void> {
    const { state, done, fail } = this.#waiting.shift()!
    if (error) fail(error)
    else {
      this.saved.push(state)
      done()
    }
    await settle()
  }
}

/** All that follows from what has happened has happened. */
const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

function voter(): {
  disk: Disk
  clock: { ms: number }
  answers: number[]
  /** Due after a pause. */
  retries: (() => void)[]
  failures: unknown[]
  ballot: DurableBallot
  ask(question: Parameters<DurableBallot['answer']>[0]): Promise<void>
} {
  const disk = new Disk()
  const clock = { ms: 0 }
  const retries: (() => void)[] = []
  const failures: unknown[] = []
  const runtime: Runtime = {
    ...nodeRuntime,
    now: () => clock.ms,
    setTimeout: (run) => {
      retries.push(run)
      return { refresh: () => undefined, unref: () => undefined }
    },
  }
  const ballot = new DurableBallot(runtime, BOUND_MS, nothing, BOUND_MS, {
    save: disk.save,
    failed: (error) => failures.push(error),
  })
  const answers: number[] = []
  const ask = async (question: Parameters<DurableBallot['answer']>[0]): Promise<void> => {
    void ballot.answer(question).then(({ number }) => answers.push(number))
    await settle()
  }
  return { disk, clock, answers, retries, failures, ballot, ask }
}

const beat = (number: number, state?: KeptState, epoch = 1) =>
  ({ type: 'beat', number, epoch, state }) as const
const vote = (number: number, epoch: number, isTrial = false) =>
  ({ type: 'vote', number, epoch, isTrial, has: undefined, ended: undefined }) as const

describe('a voter that outlives its process', () => {
  it('answers when what it keeps is saved', async () => {
    const { disk, answers, ask } = voter()
    await ask(beat(1, stateOf(1)))
    assert.deepEqual(answers, [])
    await disk.finish()
    assert.deepEqual(answers, [1])
    assert.deepEqual(disk.saved, [{ epoch: 1, accepted: stateOf(1) }])
  })

  it('answers a mere beat at once, also while it saves', async () => {
    const { disk, answers, ask } = voter()
    await ask(beat(1, stateOf(1)))
    await ask(beat(2))
    assert.deepEqual(answers, [2])
    await disk.finish()
    assert.deepEqual(answers, [2, 1])
  })

  it('saves together what came meanwhile', async () => {
    const { disk, answers, ask } = voter()
    for (const version of [1, 2, 3]) await ask(beat(version, stateOf(version)))
    await disk.finish()
    assert.deepEqual(answers, [1])
    await disk.finish()
    assert.deepEqual(answers, [1, 2, 3])
    assert.deepEqual(disk.saved.map(({ accepted }) => accepted?.version), [1, 3]) // prettier-ignore
    assert.ok(!disk.isBusy)
  })

  it('saves a vote before it is given, and nothing for a trial or a refusal', async () => {
    const { disk, clock, answers, ask } = voter()
    await ask(vote(1, 2))
    assert.deepEqual(answers, [1]) // it may have been bound before it was started
    clock.ms = BOUND_MS
    await ask(vote(2, 2, true))
    assert.deepEqual(answers, [1, 2])
    await ask(vote(3, 2))
    assert.deepEqual(answers, [1, 2])
    await ask(vote(4, 2))
    assert.deepEqual(answers, [1, 2, 4])
    await disk.finish()
    assert.deepEqual(answers, [1, 2, 4, 3])
    assert.deepEqual(disk.saved, [{ epoch: 2, accepted: undefined }])
  })

  it('answers nothing before it is saved, however often that fails', async () => {
    const { disk, answers, retries, failures, ballot, ask } = voter()
    const full = new Error('the disk is full')
    await ask(beat(1, stateOf(1)))
    await ask(beat(2, stateOf(2)))
    await disk.finish(full)
    assert.deepEqual([answers, failures, disk.isBusy, ballot.isSafe], [[], [full], false, false])
    retries.shift()!()
    await disk.finish(full)
    retries.shift()!()
    await ask(beat(3))
    assert.deepEqual(answers, [3])
    await disk.finish()
    assert.deepEqual(answers, [3, 1, 2])
    assert.deepEqual([disk.saved, retries.length], [[{ epoch: 1, accepted: stateOf(2) }], 0])
    assert.ok(ballot.isSafe)
  })

  it('waits also when the same is asked again before it is saved', async () => {
    const { disk, answers, ask } = voter()
    await ask(beat(1, stateOf(1)))
    await ask(beat(2, stateOf(1)))
    assert.deepEqual(answers, [])
    await disk.finish()
    assert.deepEqual(new Set(answers), new Set([1, 2]))
    assert.equal(disk.saved.length, 1)
  })
})
