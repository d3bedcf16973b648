// `npm run test:mixed -- REVISION`: builds that revision of the repository in a folder of its own, and runs the tests that
// have processes of both builds in one cluster.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const revision = process.argv[2]
if (revision === undefined || revision.startsWith('-')) {
  console.error('which build is the other one? npm run test:mixed -- REVISION, for example HEAD~20')
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'icf-other-build-'))
const run = (command, args, options) => execFileSync(command, args, { stdio: 'inherit', ...options })
try {
  run('git', ['clone', '--quiet', '--no-checkout', root, folder])
  run('git', ['checkout', '--quiet', '--detach', revision], { cwd: folder })
  run(process.execPath, ['scripts/prepare.mjs'], { cwd: folder })
  const env = { ...process.env, ICF_OTHER_BUILD: folder }
  run(process.execPath, ['scripts/test.mjs', 'test/faults/mixed-builds'], { cwd: root, env })
} catch (error) {
  if (error.status === undefined) throw error
  process.exitCode = error.status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
