// `npm test`: installs, builds, checks, runs every test. Also, without the checks:
//   node scripts/test.mjs ring              every test file with "ring" in its path
//   node scripts/test.mjs packages/common/src/slot.test.ts
//   node scripts/test.mjs --name 'wraps'    only the tests whose name matches
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { check } from './check.mjs'
import { prepare, projects, root } from './prepare.mjs'
import { LONG_FILES } from './long-test-files.mjs'
import { fileLines, summaryLines } from './test-lines.mjs'

const UNIT_FILES_AT_ONCE = 3
const LIGHT_FILES_AT_ONCE = 3
/** One at a time: they take both cores. Beside others they are no quicker, and servers that want for a core are taken for dead. */
const LOADED = /^test\/(faults\/|integration\/large-value\.test)/
/** It stands still for most of its time. */
const STILL = /^test\/faults\/pause\.test/
/** Far more than any file takes on a slow machine: what takes longer hangs. */
const FILE_TIMEOUT_MS = 600_000
const MAX_OUTPUT_CHARS = 100_000
const OWN_GROUPS = process.platform !== 'win32'

const { values: options, positionals: patterns } = parseArgs({
  allowPositionals: true,
  options: { 'no-check': { type: 'boolean' }, name: { type: 'string' } },
})
const total = { passed: 0, failed: 0, skipped: 0 }
const scratch = mkdtempSync(join(tmpdir(), 'icf-test-'))
const running = new Set()
const failedFiles = []
let filesRun = 0

delete process.env.NODE_TEST_CONTEXT // set when a test starts this script, and changes how tests report
process.on('exit', cleanUp)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

const failedSteps = prepare() ? [] : ['install and build']
if (failedSteps.length === 0 && wantsChecks())
  for (const name of await check()) failedSteps.push(`check: ${name}`)
total.failed += failedSteps.length
const { unit, light, loaded } = select(testFiles())
await runAll(unit, UNIT_FILES_AT_ONCE)
await runAll(light, LIGHT_FILES_AT_ONCE)
await runAll(loaded, 1)
if (patterns.length > 0 && filesRun === 0) console.log('No test file matches.')
if (total.passed + total.failed === 0) {
  console.log('No test ran.')
  process.exitCode = 1
}
if (total.failed > 0) process.exitCode = 1
for (const line of summaryLines(failedSteps, failedFiles)) console.log(line)
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : ''
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`)

function cleanUp() {
  for (const child of running) killGroup(child)
  rmSync(scratch, { recursive: true, force: true })
}

function wantsChecks() {
  return !options['no-check'] && !options.name && patterns.length === 0
}

/** The list comes from the sources, so that a compiled test whose source is gone does not run. */
function testFiles() {
  return projects().flatMap(({ source, dist }) =>
    readdirSync(source, { recursive: true })
      .filter((file) => file.endsWith('.test.ts') && !/(^|[\\/])(node_modules|dist)[\\/]/.test(file))
      .sort()
      .map((file) => ({
        name: relative(root, join(source, file)).split(sep).join('/'),
        compiled: join(dist, file.replace(/\.ts$/, '.js')),
      })),
  )
}

/**
 * Simulations and fuzzers share neither ports nor clocks with anyone. Of everything else below test/, which is of real
 * processes, faults under load need all of the machine, and so does a value of 64 MB.
 */
function select(files) {
  const wanted = patterns.map((pattern) => pattern.replace(`${root}/`, '').replace(/^\.\//, ''))
  const chosen =
    wanted.length === 0 ? files : files.filter(({ name }) => wanted.some((text) => name.includes(text)))
  const kindOf = ({ name }) => {
    if (!/^test\/(?!simulation|fuzz)/.test(name)) return 'unit'
    return LOADED.test(name) && !STILL.test(name) ? 'loaded' : 'light'
  }
  const of = (kind) => longestFirst(chosen.filter((file) => kindOf(file) === kind))
  return { unit: of('unit'), light: of('light'), loaded: of('loaded') }
}

/** So that none of them runs on alone in the end. */
function longestFirst(files) {
  const rank = ({ name }) => {
    const at = LONG_FILES.indexOf(name)
    return at === -1 ? LONG_FILES.length : at
  }
  return files.toSorted((one, other) => rank(one) - rank(other))
}

async function runAll(files, atOnce) {
  const queue = [...files]
  const lane = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) await runFile(file)
  }
  await Promise.all(Array.from({ length: atOnce }, lane))
}

/** Runs one file in a process group of its own, and prints what came of it. */
async function runFile({ name, compiled }) {
  const resultsFile = join(scratch, `${++filesRun}.ndjson`)
  const startMs = performance.now()
  const { status, timedOut, output } = await spawnTest(compiled, resultsFile)
  const lines = readLines(resultsFile)
  const results = lines.filter(({ outcome }) => outcome !== undefined)
  const remarks = lines.filter(({ remark }) => remark !== undefined)
  const failures = results.filter(({ outcome }) => outcome === 'fail')
  if (timedOut) {
    failures.push({
      name: `still running after ${FILE_TIMEOUT_MS / 1000} s: a test or an open handle`,
      error: output,
    })
  } else if (status !== 0 && failures.length === 0) {
    failures.push({ name: `ended with ${status}`, error: output })
  } else if (status === 0 && !lines.some(({ isComplete }) => isComplete)) {
    failures.push({ name: 'ended before its last test: does one call process.exit?', error: output })
  } else if (results.length === 0 && !options.name) {
    failures.push({ name: 'no test in this file', error: output })
  } else if (failures.length > 0 && output) {
    failures.push({ name: 'what it printed', error: output, isOnlyOutput: true })
  }
  const counts = {
    passed: results.filter(({ outcome }) => outcome === 'pass').length,
    failed: failures.filter(({ isOnlyOutput }) => !isOnlyOutput).length,
    skipped: results.filter(({ outcome }) => outcome === 'skipped').length,
  }
  for (const key of Object.keys(total)) total[key] += counts[key]
  const tookMs = performance.now() - startMs
  console.log(fileLines(name, counts, { remarks, failures, tookMs }).join('\n'))
  if (counts.failed > 0) failedFiles.push({ name, remarks, failures })
}

function spawnTest(compiled, resultsFile) {
  return new Promise((done) => {
    const reporter = pathToFileURL(join(root, 'scripts/test-reporter.mjs')).href
    const child = spawn(
      process.execPath,
      [
        '--enable-source-maps',
        `--test-reporter=${reporter}`,
        `--test-reporter-destination=${resultsFile}`,
        ...(options.name ? [`--test-name-pattern=${options.name}`] : []),
        compiled,
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], detached: OWN_GROUPS },
    )
    running.add(child)
    let output = ''
    let timedOut = false
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text))
    child.stderr.setEncoding('utf8').on('data', (text) => (output += text))
    const timer = setTimeout(() => {
      timedOut = true
      killGroup(child)
    }, FILE_TIMEOUT_MS)
    // Processes that a test left behind would hold its pipes open, and disturb the next one.
    child.on('exit', () => killGroup(child))
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      running.delete(child)
      done({ status: code ?? signal, timedOut, output: output.slice(-MAX_OUTPUT_CHARS) })
    })
  })
}

function killGroup(child) {
  try {
    if (OWN_GROUPS) process.kill(-child.pid, 'SIGKILL')
    else child.kill('SIGKILL')
  } catch {
    // Nothing is left of it, as it should be.
  }
}

function readLines(file) {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  lines.pop() // empty, or cut off when the process died
  return lines.map((line) => JSON.parse(line))
}
