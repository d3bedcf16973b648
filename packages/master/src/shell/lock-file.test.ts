import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { lockDirectory } from './lock-file.js'

const LONG_AGO = new Date('2020-01-01')

async function waitFor(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(20)
}

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

test('a process of another container holds the lock for as long as it shows that it is alive', async () => {
  const path = join(folder, 'lock')
  const elsewhere = JSON.stringify({ pid: 1, birth: '', namespace: 'pid:[1]' })
  await writeFile(path, elsewhere)
  const signs = setInterval(() => void utimes(path, new Date(), new Date()), 50)
  await assert.rejects(lockDirectory(folder), { code: 'STATE_UNAVAILABLE', message: /process 1\)/ })
  clearInterval(signs)
  await writeFile(path, elsewhere)
  await utimes(path, LONG_AGO, LONG_AGO)
  await (
    await lockDirectory(folder)
  )()
})

test('a holder shows that it is alive', async () => {
  const unlock = await lockDirectory(folder)
  await utimes(join(folder, 'lock'), LONG_AGO, LONG_AGO)
  await waitFor(async () => (await stat(join(folder, 'lock'))).mtime > LONG_AGO)
  await unlock()
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
