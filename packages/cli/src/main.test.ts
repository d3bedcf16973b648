import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs the real command, without the ICF_… of whoever runs the tests. */
function icf(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('ICF_'))
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...Object.fromEntries(clean), NO_COLOR: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}

function assertOneLine(text: string, expected: RegExp): void {
  assert.match(text, expected)
  assert.equal(text.split('\n').length, 2, `one line, not:\n${text}`)
}

/** Nothing listens there: a port below 1024 that no test can have opened. */
const NOBODY = '127.0.0.1:1'

test('--help names every command and the exit codes', async () => {
  const { code, stdout, stderr } = await icf(['--help'])
  assert.equal(code, 0)
  assert.equal(stderr, '')
  for (const name of 'up master cache get set del ttl where load verify status ring events shutdown'.split(
    ' ',
  ))
    assert.match(stdout, new RegExp(`^  ${name} `, 'm'), name)
  assert.match(stdout, /3 {2}could not reach or do it/)
})

test('help for a command, before or after it', async () => {
  for (const args of [
    ['get', '--help'],
    ['help', 'get'],
  ]) {
    const { code, stdout } = await icf(args)
    assert.equal(code, 0)
    assert.match(stdout, /^Usage: icf get /)
  }
})

test('--version', async () => {
  const { code, stdout } = await icf(['--version'])
  assert.equal(code, 0)
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/)
})

test('wrong usage is exit code 2 and one line', async () => {
  const cases: [string[], RegExp][] = [
    [['statsu'], /unknown command 'statsu' \(Did you mean status\?\)/],
    [['statsu', '--help'], /unknown command 'statsu' \(Did you mean status\?\)/],
    [['bogus', '-h'], /unknown command 'bogus' \(see icf --help\)/],
    [['help', 'bogus'], /unknown command 'bogus' \(see icf --help\)/],
    [['status', '--jsn'], /unknown option '--jsn' \(Did you mean --json\?\)/],
    [['--nope'], /unknown option '--nope' \(see icf --help\)/],
    [['get', 'a', 'b'], /too many arguments/],
    [['master', '--lease', '5s'], /lease/i],
    [['get'], /missing required argument 'KEY' \(see icf get --help\)/],
    [['set', 'a', 'b', '--ttl', '60'], /Write a duration like .* \(see icf set --help\)/],
    [['status', '--timeout', '30d'], /It must be at most 24d/],
    [['set', 'a'], /VALUE is missing/],
    [['get', 'a', '--masters', 'nonsense'], /"nonsense" is not an address/],
  ]
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await icf(args)
    assert.equal(code, 2, `${args.join(' ')}: ${stderr}`)
    assert.equal(stdout, '')
    assertOneLine(stderr, message)
  }
})

test('no command: the help on stderr and exit code 2', async () => {
  const { code, stdout, stderr } = await icf([])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /Usage: icf COMMAND/)
})

test('a cluster that is not there is exit code 3 and one line', async () => {
  for (const args of [['status'], ['get', 'a']]) {
    const { code, stdout, stderr } = await icf([...args, '--masters', NOBODY, '--timeout', '500ms'])
    assert.equal(code, 3, args[0])
    assert.equal(stdout, '')
    assertOneLine(stderr, /connection refused.*\(is the cluster up\? --masters says where\)/)
    assert.ok(!stderr.includes('within'), 'it did not go on trying')
  }
})

test('status --wait gives up at its timeout', async () => {
  const startedAt = performance.now()
  const { code, stderr } = await icf(['status', '--wait', '--timeout', '700ms', '--masters', NOBODY])
  assert.equal(code, 3)
  assertOneLine(stderr, /connection refused/)
  assert.ok(performance.now() - startedAt >= 700)
})

test('errors are JSON with --json, also those of the command line', async () => {
  const unreachable = await icf(['status', '--json', '--masters', NOBODY])
  assert.equal(unreachable.code, 3)
  assert.equal((JSON.parse(unreachable.stderr) as { error: { code: string } }).error.code, 'UNREACHABLE')
  const usage = await icf(['status', '--foo'], { ICF_JSON: '1' })
  assert.equal(usage.code, 2)
  assert.equal((JSON.parse(usage.stderr) as { error: { code: string } }).error.code, 'USAGE')
})

test('options come from the environment, switches as true or false, and empty is none', async () => {
  const masters = await icf(['status'], { ICF_MASTERS: '127.0.0.1:2', ICF_JSON: 'false', ICF_CLUSTER: '' })
  assert.equal(masters.code, 3)
  assert.match(masters.stderr, /^icf: can not reach 127\.0\.0\.1:2/)
  const given = await icf(['status', '--masters', NOBODY], { ICF_MASTERS: '127.0.0.1:2' })
  assert.match(given.stderr, /can not reach 127\.0\.0\.1:1:/)
  const switches = await icf(['status'], { ICF_JSON: 'maybe' })
  assert.equal(switches.code, 2)
  assertOneLine(switches.stderr, /ICF_JSON=maybe: write true or false/)
  const malformed = await icf(['status'], { ICF_TIMEOUT: 'soon' })
  assert.equal(malformed.code, 2)
  assertOneLine(malformed.stderr, /ICF_TIMEOUT/)
  const oneShot = await icf(['set', 'a', 'b', '--masters', NOBODY], { ICF_TTL: 'soon', ICF_FILE: 'nowhere' })
  assert.equal(oneShot.code, 3, 'what one call is to do does not come from there')
})

test('files that are not there are exit code 3', async () => {
  const nowhere = join(tmpdir(), 'icf-nowhere')
  for (const args of [
    ['load', nowhere],
    ['verify', nowhere],
    ['set', 'a', '--file', nowhere],
  ]) {
    const { code, stderr } = await icf([...args, '--masters', NOBODY])
    assert.equal(code, 3)
    assertOneLine(stderr, /icf-nowhere: no such file or directory/)
  }
})

test('of several processes the port that is in use is named', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  try {
    const { code, stdout, stderr } = await icf(['cache', '--processes', '2', '--port', String(port - 1)])
    assert.equal(code, 3, stderr)
    assert.equal(stdout, '')
    assertOneLine(
      stderr,
      new RegExp(`port (${port}|${port - 1}) on 127\\.0\\.0\\.1 is in use: .* another --port`),
    )
  } finally {
    holder.close()
  }
})

test('a port in use is exit code 3 and one line that names it', async () => {
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as { port: number }
  try {
    for (const kind of ['master', 'cache']) {
      const more = kind === 'master' ? ['--data-dir', 'none'] : []
      const { code, stdout, stderr } = await icf([
        ...[kind, '--port', String(port), '--log-level', 'silent'],
        ...more,
      ])
      assert.equal(code, 3, stderr)
      assert.equal(stdout, '')
      assertOneLine(stderr, new RegExp(`127\\.0\\.0\\.1:${port}.*another process listens there`))
    }
  } finally {
    holder.close()
  }
})
