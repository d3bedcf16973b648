import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { machineIdentity } from './machine.js'

const SAY = `import { machineIdentity } from '${new URL('./machine.js', import.meta.url).href}'
process.stdout.write(machineIdentity())`

test('every process of a machine says the same', () => {
  const other = execFileSync(process.execPath, ['--input-type=module', '--eval', SAY], { encoding: 'utf8' })
  assert.equal(other, machineIdentity())
})

test('on Linux it is the kernel that runs: containers with host names of their own share it', (t) => {
  if (process.platform !== 'linux') return t.skip('other systems do not tell')
  assert.match(machineIdentity(), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
})

test('where the system does not tell, it is the name of the host', (t) => {
  t.mock.method(fs, 'readFileSync', () => {
    throw new Error('no such file')
  })
  syncBuiltinESMExports()
  try {
    assert.equal(machineIdentity(), hostname())
  } finally {
    t.mock.restoreAll()
    syncBuiltinESMExports()
  }
})
