// The units in deploy/systemd start what they say, with the environment files that stand beside them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, describe, it } from 'node:test'
import { Child } from '../support/child.js'
import { freeBasePort } from '../support/ports.js'
import { waitUntil } from '@icf/testkit/wait'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, 'deploy', 'systemd')
const state = mkdtempSync(join(tmpdir(), 'icf-deploy-'))
after(() => rmSync(state, { recursive: true, force: true }))

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0

/** The command line of a unit, as it runs on this machine. */
function commandOf(unit: string): string[] {
  const text = readFileSync(join(folder, unit), 'utf8')
  const line = /^ExecStart=\/usr\/bin\/node (.*)$/m.exec(text)![1]!
  return line.replace('/opt/icf/', root).replace('${STATE_DIRECTORY}', state).split(' ')
}

function environmentOf(file: string, changes: Record<string, string>): NodeJS.ProcessEnv {
  const lines = readFileSync(join(folder, file), 'utf8').split('\n')
  const pairs = lines.filter((line) => /^[A-Z]/.test(line)).map((line) => line.split('=') as [string, string])
  for (const name of Object.keys(changes))
    assert.ok(
      pairs.some(([known]) => known === name),
      name,
    )
  return { ...Object.fromEntries(pairs), ...changes }
}

describe('under systemd', () => {
  it('a master and a cache server start, and end with SIGTERM', async () => {
    const port = await freeBasePort([0, 1])
    const cachePort = port + 1
    const host = { ICF_HOST: '127.0.0.1' }
    const master = new Child('icf-master.service', commandOf('icf-master.service'), {
      ...environmentOf('master.env', { ...host, ICF_PORT: String(port) }),
      ICF_HTTP_PORT: '0',
    })
    await waitUntil(() => master.stdout.includes(`127.0.0.1:${port}`), { what: 'the master' })
    const cache = new Child(
      'icf-cache.service',
      commandOf('icf-cache.service'),
      environmentOf('cache.env', {
        ...host,
        ICF_PORT: String(cachePort),
        ICF_MASTERS: `127.0.0.1:${port}`,
        ICF_MAX_MEMORY: '128mb',
      }),
    )
    await waitUntil(() => master.stderr.includes('ADD_CACHE_SERVER'), { what: 'the cache server joins' })
    for (const child of [cache, master]) {
      child.signal('SIGTERM')
      assert.deepEqual(await child.exited, { code: 0, signal: null })
    }
    assert.ok(readFileSync(join(state, 'state.json')).length > 0)
  })

  it('systemd understands the units', { skip: hasAnalyze ? false : 'systemd-analyze is not here' }, () => {
    for (const unit of ['icf-master.service', 'icf-cache.service']) {
      // The paths of an installation are not here; what is wrong with the unit itself would be said as well.
      const result = spawnSync('systemd-analyze', ['verify', join(folder, unit)], { encoding: 'utf8' })
      const complaints = result.stderr
        .split('\n')
        .filter((line) => line.includes(unit) && !/not executable|No such file/.test(line))
      assert.deepEqual(complaints, [])
    }
  })
})
