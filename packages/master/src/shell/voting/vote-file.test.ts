import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { emptyTopology, type KeptState } from '@icf/common'
import { NO_DEPARTURES } from '../../core/index.js'
import { encodeState, loadState } from '../state-file.js'
import { decodeVote, encodeVote, loadVote, saveVote, type StoredVote } from './vote-file.js'

const state = encodeState('c', {
  topology: { ...emptyTopology({ virtualNodes: 1, seed: 2 }, 16384), epoch: 3, version: 4 },
  retired: [],
  departures: NO_DEPARTURES,
  timing: undefined,
  auditedUntil: undefined,
  events: [],
})
const accepted: KeptState = {
  epoch: 3,
  version: 9,
  voters: ['m1', 'm2', 's1'],
  masters: ['m1', 'm2'],
  former: { voters: ['m1'], masters: ['m1'] },
  body: new Uint8Array(Buffer.from(state)),
}
const vote: StoredVote = { masterId: 'm2', epoch: 5, accepted }
const damaged = { code: 'STATE_UNAVAILABLE' }

describe('what a master keeps as a voter', () => {
  let dir: string
  let path: string
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'icf-vote-'))
    path = join(dir, 'state.json')
  })
  after(() => rm(dir, { recursive: true }))

  it('is there again after a restart', async () => {
    assert.equal(await loadVote(path, 'c'), undefined)
    for (const stored of [vote, { ...vote, accepted: { ...accepted, former: undefined } }, { ...vote, accepted: undefined }]) {
      await saveVote(path, 'c', stored)
      assert.deepEqual(await loadVote(path, 'c'), stored)
    }
  }) // prettier-ignore

  it('is told from the file of a master that was alone, whose state is taken over', async () => {
    await writeFile(path, state)
    assert.deepEqual(await loadVote(path, 'c'), { body: Buffer.from(state) })
  })

  it('is not taken for the state of a master that is alone', async () => {
    await saveVote(path, 'c', vote)
    await assert.rejects(loadState(path, 'c'), { code: 'INVALID_ARGUMENT', message: /start it with --peers/ })
  })

  it("is not another cluster's", async () => {
    for (const text of [encodeVote('c', vote), state]) {
      await writeFile(path, text)
      await assert.rejects(loadVote(path, 'other'), { code: 'INVALID_ARGUMENT', message: /belongs to cluster "c", not "other"/ }) // prettier-ignore
    }
  })

  it('is refused when any part of it is missing or changed', () => {
    const text = encodeVote('c', vote)
    const end = text.indexOf('\n') + 1
    for (const at of [0, 1, 30, end - 2, end - 1, end, end + 30, text.length - 30, text.length - 1])
      for (const broken of [text.slice(0, at), text.slice(0, at) + '~' + text.slice(at + 1)])
        assert.throws(() => decodeVote(broken, path), damaged, `at ${at}`)
    assert.throws(() => decodeVote(text + text, path), damaged)
  }) // prettier-ignore

  it('is refused when a later release wrote it', () => {
    const text = encodeVote('c', { ...vote, accepted: undefined })
    assert.throws(() => decodeVote(text.replace('"format":1', '"format":2'), path), damaged)
  })
})
