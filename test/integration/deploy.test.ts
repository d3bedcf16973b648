// The units in deploy/systemd start what they say, with the environment files that stand beside them.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, describe, it } from 'node:test'
import type { MasterStatus, Status } from '@icf/common'
import { waitUntil } from '@icf/testkit/wait'
import { askMaster } from '../support/admin.js'
import { Child } from '../support/child.js'
import { loopbackNetwork } from '../support/loopback.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const folder = join(root, 'deploy', 'systemd')
const state = mkdtempSync(join(tmpdir(), 'icf-deploy-'))
after(() => rmSync(state, { recursive: true, force: true }))

const hasAnalyze = spawnSync('systemd-analyze', ['--version']).status === 0
const UNITS = ['icf-master.service', 'icf-cache.service'] as const
/** What `systemd-analyze security` gives at most, from 0 to 10, in tenths. */
const MOST_EXPOSED = 20

/** Starts a unit's command line, as it runs on this machine, with an environment file. */
function start(unit: string, file: string, changes: (text: string) => string): Child {
  const text = readFileSync(join(folder, unit), 'utf8')
  const line = /^ExecStart=\/usr\/bin\/node (.*)$/m.exec(text)![1]!
  const own = join(state, file)
  const args = line.replace('/opt/icf/', root).replace('${STATE_DIRECTORY}', own).split(' ')
  return new Child(`${unit} with ${file}`, args, environmentOf(file, changes))
}

function environmentOf(file: string, changes: (text: string) => string): NodeJS.ProcessEnv {
  const lines = changes(readFileSync(join(folder, file), 'utf8')).split('\n')
  const pairs = lines.flatMap((line) => {
    const [, name, value] = /^([A-Z_]+)=(.*)$/.exec(line) ?? []
    return name === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(pairs)
}

describe('under systemd', () => {
  const isLinux = process.platform === 'linux'

  it('two masters and cache servers start, and SIGTERM has each hand over', { skip: !isLinux }, async () => {
    const network = loopbackNetwork()
    const here = (text: string): string => text.replaceAll('10.0.0.', network).replace('=4gb', '=128mb')
    const masters = [1, 2].map((n) => start('icf-master.service', `master-${n}.env`, here))
    const caches = [3, 4].map((n) =>
      start('icf-cache.service', 'cache.env', (text) =>
        here(text.replace('ICF_HOST=10.0.0.3', `ICF_HOST=10.0.0.${n}`)),
      ),
    )
    const children = [...masters, ...caches]
    const addresses = [1, 2].map((n) => `${network}${n}:7000`)
    const until = async (what: string, holds: (status: Status) => boolean): Promise<Status> => {
      let status!: Status
      const ask = async (): Promise<boolean> =>
        holds((status = (await askMaster(addresses, 'icf', 'STATUS')) as Status))
      await waitUntil(ask, { what })
      return status
    }
    const isActive = ({ role }: MasterStatus): boolean => role === 'active'
    try {
      const before = await until(
        'all to vote, and to be settled',
        ({ settled, servers, masters: known }) =>
          settled && servers.length === 2 && known.filter(({ isVoter }) => isVoter).length === 2,
      )
      assert.deepEqual(
        before.servers.map(({ zone }) => zone),
        ['a', 'a'],
      )
      const active = before.masters.find(isActive)!
      const [ended] = masters.splice(active.host.endsWith('.1') ? 0 : 1, 1)
      await requireEnd(ended!)
      const { masters: known } = await until('the standby to be active', ({ epoch }) => epoch > before.epoch)
      assert.notEqual(known.find(isActive)!.host, active.host)

      await requireEnd(caches[0]!)
      await until('one cache server to be left', ({ settled, servers }) => settled && servers.length === 1)
      for (const child of [caches[1]!, ...masters]) await requireEnd(child)
      for (const n of [1, 2]) assert.ok(readFileSync(join(state, `master-${n}.env`, 'state.json')).length > 0)
    } catch (error) {
      for (const child of children) console.error(child.transcript())
      throw error
    } finally {
      for (const child of children) child.signal('SIGKILL')
      await Promise.all(children.map(({ exited }) => exited))
    }
  })

  it('does not start again what has a wrong environment', async () => {
    for (const [unit, file, line] of [
      ['icf-master.service', 'master-1.env', 'ICF_LEASE=5s'],
      ['icf-cache.service', 'cache.env', 'ICF_WEIGHT=heavy'],
    ] as const) {
      const text = readFileSync(join(folder, unit), 'utf8')
      const { code } = await start(unit, file, (lines) => `${lines}\n${line}`).exited
      assert.match(text, new RegExp(`^RestartPreventExitStatus=${code}$`, 'm'))
    }
  })

  it('systemd understands the units', { skip: hasAnalyze ? false : 'systemd-analyze is not here' }, () => {
    for (const unit of UNITS) {
      // The paths of an installation are not here; what is wrong with the unit itself would be said as well.
      const result = spawnSync('systemd-analyze', ['verify', join(folder, unit)], { encoding: 'utf8' })
      const complaints = result.stderr
        .split('\n')
        .filter((line) => line.includes(unit) && !/not executable|No such file/.test(line))
      assert.deepEqual(complaints, [])
    }
  })

  it('the units may do little', { skip: canJudge() ? false : 'systemd-analyze can not judge units' }, () => {
    for (const unit of UNITS) {
      const { status, stdout, stderr } = judge(unit)
      assert.equal(status, 0, stdout + stderr)
    }
  })
})

/** Offline from systemd 250 on. */
function canJudge(): boolean {
  return hasAnalyze && !/unrecognized option/.test(judge(UNITS[0]).stderr)
}

function judge(unit: string): { status: number | null; stdout: string; stderr: string } {
  const args = ['security', '--offline=yes', `--threshold=${MOST_EXPOSED}`, '--no-pager', join(folder, unit)]
  return spawnSync('systemd-analyze', args, { encoding: 'utf8' })
}

async function requireEnd(child: Child): Promise<void> {
  child.signal('SIGTERM')
  assert.deepEqual(await child.exited, { code: 0, signal: null }, child.transcript())
}
