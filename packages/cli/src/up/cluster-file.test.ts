import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ClusterFile, readClusterFile, type ClusterJson } from './cluster-file.js'

const cluster: ClusterJson = {
  masters: [{ id: 'm', pid: 1, host: '127.0.0.1', port: 7000, httpPort: 7080, role: 'active' }],
  servers: [{ id: 's', pid: 2, host: '127.0.0.1', port: 7100, respPort: 0 }],
}

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'icf-file-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function unexpected(error: unknown): never {
  throw error
}

test('what is written is read back, and nothing else is left in the folder', () => {
  const file = new ClusterFile(join(folder, 'deep/er'), unexpected)
  file.write(cluster)
  assert.deepEqual(readClusterFile(join(folder, 'deep/er')), cluster)
  assert.deepEqual(JSON.parse(readFileSync(file.path, 'utf8')), cluster)
  assert.deepEqual(readdirSync(join(folder, 'deep/er')), ['cluster.json'])
})

test('the same again is not written again', () => {
  const file = new ClusterFile(folder, unexpected)
  file.write(cluster)
  writeFileSync(file.path, 'changed by hand')
  file.write(cluster)
  assert.equal(readFileSync(file.path, 'utf8'), 'changed by hand')
})

test('that it can not be written is told once, and again only after it could', () => {
  const problems: unknown[] = []
  const deep = join(folder, 'deep')
  const file = new ClusterFile(deep, (error) => problems.push(error))
  for (const round of [1, 2]) {
    file.write(cluster)
    rmSync(deep, { recursive: true })
    file.write({ ...cluster, servers: [] })
    file.write({ ...cluster, masters: [] })
    assert.equal(problems.length, round)
    mkdirSync(deep)
    file.write({ ...cluster, masters: [] })
    assert.deepEqual(readClusterFile(deep), { ...cluster, masters: [] })
  }
  rmSync(deep, { recursive: true })
  file.remove()
})

test('removed, also when it is not there', () => {
  const file = new ClusterFile(folder, unexpected)
  file.write(cluster)
  file.remove()
  file.remove()
  assert.deepEqual(readdirSync(folder), [])
})

test('a file that is none counts as no file', () => {
  assert.equal(readClusterFile(folder), undefined)
  for (const text of ['', '{', '[]', '{"masters":1}']) {
    writeFileSync(join(folder, 'cluster.json'), text)
    assert.equal(readClusterFile(folder), undefined, text)
  }
})
