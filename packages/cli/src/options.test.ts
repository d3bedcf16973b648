import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normalizeEnvironment } from './options.js'
import { makeProgram } from './program.js'

test('what Kubernetes puts into the environment for a service named icf is no port', async () => {
  const env = {
    ICF_PORT: 'tcp://10.96.0.7:7000',
    ICF_RESP_PORT: 'udp://10.96.0.8:6100',
    ICF_MASTERS: 'masters:7000',
  }
  const [cache] = (await makeProgram('cache')).commands
  normalizeEnvironment(cache!, env)
  assert.deepEqual(env, { ICF_MASTERS: 'masters:7000' })
})
