// `npm run check`: lock file, formatting, lint, import boundaries, dead code. The build comes first: the boundaries are
// checked on what was compiled, and the type-aware rules need the declarations.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { lockProblems } from './check-lock.mjs'
import { prepare, projects, root } from './prepare.mjs'

const checks = () => [
  ['formatting', 'prettier/bin/prettier.cjs', '--check', '--log-level=warn', '--cache', '.'],
  ['lint', 'oxlint/bin/oxlint', '--type-aware', '--deny-warnings'],
  ['boundaries', 'dependency-cruiser/bin/dependency-cruise.mjs', '--output-type=err', ...distFolders()],
  ['dead code', 'knip/bin/knip.js', '--no-progress', '--no-config-hints'],
]

/** Runs all checks at once, prints what failed, and returns the names of those. */
export async function check() {
  const failed = []
  const problems = lockProblems()
  console.log(`${problems.length === 0 ? '✔' : '✖'} check: lock file`)
  if (problems.length > 0) {
    failed.push('lock file')
    console.log(problems.join('\n'))
  }
  const started = checks().map(([name, script, ...args]) => ({ name, ended: run(script, args) }))
  for (const { name, ended } of started) {
    const { status, output, tookMs } = await ended
    console.log(`${status === 0 ? '✔' : '✖'} check: ${name} (${tookMs} ms)`)
    if (status === 0) continue
    failed.push(name)
    console.log(output.trimEnd())
    if (name === 'formatting') console.log('`npm run format` repairs this.')
  }
  return failed
}

function distFolders() {
  return projects()
    .filter(({ dist }) => existsSync(dist))
    .map(({ dist }) => relative(root, dist))
}

function run(script, args) {
  const startMs = performance.now()
  return new Promise((done) => {
    const child = spawn(process.execPath, [join(root, 'node_modules', script), ...args], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    child.on('close', (status) =>
      done({
        status: status ?? 1,
        output: stripVTControlCharacters(output),
        tookMs: Math.round(performance.now() - startMs),
      }),
    )
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = prepare()
  const failed = await check()
  process.exitCode = built && failed.length === 0 ? 0 : 1
}
