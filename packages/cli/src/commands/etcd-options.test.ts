import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readEtcdOptions, type EtcdArguments } from './etcd-options.js'

const base: EtcdArguments = { coordination: 'etcd', etcd: 'http://a:2379, http://b:2379' }

test('nothing is made of the options of masters that do not use etcd', () => {
  assert.equal(readEtcdOptions({ coordination: 'embedded' }, {}), undefined)
})

test('the addresses of etcd are taken apart', () => {
  assert.deepEqual(readEtcdOptions(base, {}), { endpoints: ['http://a:2379', 'http://b:2379'] })
})

test('a password comes from a file, without the end of its line, or from the environment', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'icf-etcd-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'password')
  writeFileSync(file, ' se cret\n')
  const user = { ...base, etcdUser: 'icf' }
  const fromFile = readEtcdOptions({ ...user, etcdPasswordFile: file }, { ICF_ETCD_PASSWORD: 'other' })
  assert.equal(fromFile?.password, ' se cret')
  assert.equal(readEtcdOptions(user, { ICF_ETCD_PASSWORD: 'other' })?.password, 'other')
})

test('what does not go together is refused, and said by its name', () => {
  const cases: [EtcdArguments, RegExp][] = [
    [{ coordination: 'embedded', etcd: 'http://a:2379' }, /^--etcd goes with --coordination etcd$/],
    [{ coordination: 'embedded', etcdPasswordFile: 'x' }, /^--etcd-password-file goes with/],
    [{ coordination: 'etcd' }, /write --etcd http/],
    [{ ...base, etcd: ' , ' }, /write --etcd http/],
    [{ ...base, peers: 'a:7000' }, /--peers/],
    [{ ...base, dataDir: 'x' }, /the state is in etcd/],
    [{ ...base, etcdKey: 'x' }, /go together/],
    [{ ...base, etcdUser: 'icf' }, /password is missing/],
    [{ ...base, etcdUser: 'icf', etcdPasswordFile: '/nowhere/at/all' }, /can not read/],
  ]
  for (const [given, message] of cases)
    assert.throws(
      () => readEtcdOptions(given, {}),
      (error: Error) => {
        assert.match(error.message, message)
        return true
      },
    )
})
