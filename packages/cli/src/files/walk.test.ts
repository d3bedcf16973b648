import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { walk } from './walk.js'

let folder: string

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'icf-walk-'))
  mkdirSync(join(folder, 'a/b'), { recursive: true })
  writeFileSync(join(folder, 'z.txt'), 'zz')
  writeFileSync(join(folder, 'a/b/empty'), '')
  writeFileSync(join(folder, 'a/ünï 中.txt'), 'x')
  symlinkSync('z.txt', join(folder, 'link'))
  symlinkSync('.', join(folder, 'a/loop'))
})

after(() => rmSync(folder, { recursive: true }))

test('every regular file by its relative path, sorted, links left out', () => {
  const { files, totalBytes, skipped, notFiles } = walk(folder)
  assert.deepEqual(
    files.map(({ name, bytes }) => [name, bytes]),
    [
      ['a/b/empty', 0],
      ['a/ünï 中.txt', 1],
      ['z.txt', 2],
    ],
  )
  assert.equal(totalBytes, 3)
  assert.deepEqual(skipped, [])
  assert.equal(notFiles, 2)
})

test('a folder that is a link is walked', () => {
  const link = `${folder}-link`
  symlinkSync(folder, link)
  try {
    assert.equal(walk(link).files.length, 3)
  } finally {
    rmSync(link)
  }
})

test('what can not be read is named', { skip: process.getuid?.() === 0 && 'root reads everything' }, () => {
  const closed = join(folder, 'closed')
  mkdirSync(closed, { mode: 0o000 })
  try {
    assert.deepEqual(walk(folder).skipped, [{ name: 'closed/', reason: 'permission denied' }])
  } finally {
    chmodSync(closed, 0o700)
    rmSync(closed, { recursive: true })
  }
})

test('no folder, no walk', () => {
  assert.throws(() => walk(join(folder, 'nowhere')), /nowhere: no such file or directory/)
  assert.throws(() => walk(join(folder, 'z.txt')), /z\.txt: not a directory/)
})
