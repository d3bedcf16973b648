import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { lockDirectory } from './lock-file.js'

const LONG_AGO = new Date('2020-01-01')

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'icf-lock-'))
})
after(() => rm(folder, { recursive: true }))

test('a directory has one holder at a time', async () => {
  const unlock = await lockDirectory(folder)
  await assert.rejects(lockDirectory(folder), {
    code: 'STATE_UNAVAILABLE',
    message: new RegExp(`process ${process.pid}`),
  })
  await unlock()
  await (
    await lockDirectory(folder)
  )()
  assert.deepEqual(await readdir(folder), [])
})

test('what a dead process left is taken over', async () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  for (const left of [
    JSON.stringify({ pid, birth: '' }),
    '{"pid":',
    '',
    JSON.stringify({ pid: process.pid, birth: 'earlier' }),
  ]) {
    await writeFile(join(folder, 'lock'), left)
    await utimes(join(folder, 'lock'), LONG_AGO, LONG_AGO)
    const unlock = await lockDirectory(folder)
    await unlock()
  }
})

test('a lock that is being written is not taken over', async () => {
  await writeFile(join(folder, 'lock'), '')
  await assert.rejects(lockDirectory(folder), { message: /starting/ })
  await rm(join(folder, 'lock'))
})

test('of several that find a stale lock at the same time, one gets it', async () => {
  await writeFile(join(folder, 'lock'), JSON.stringify({ pid: process.pid, birth: 'earlier' }))
  const results = await Promise.allSettled([1, 2, 3, 4, 5].map(() => lockDirectory(folder)))
  const unlocks = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  assert.equal(unlocks.length, 1)
  await unlocks[0]!()
})
