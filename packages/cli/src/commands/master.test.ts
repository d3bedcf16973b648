import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '@icf/testkit/ports'

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'icf-cli-master-'))
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** Starts the real command in a folder of its own, without the ICF_… of whoever runs the tests. */
function master(...args: readonly (string | number)[]): ChildProcess {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('ICF_'))
  const child = spawn(process.execPath, [MAIN, 'master', '--log-level', 'silent', ...args.map(String)], {
    cwd: folder,
    env: { ...Object.fromEntries(clean), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  return child
}

/** What it says once it serves. */
async function ready(child: ChildProcess): Promise<string> {
  const [text] = (await once(child.stdout!, 'data')) as [Buffer]
  return text.toString()
}

/** How a master ends that can not start. */
async function failure(...args: readonly (string | number)[]): Promise<{ code: number; text: string }> {
  const child = master(...args)
  let text = ''
  child.stderr!.setEncoding('utf8').on('data', (more: string) => (text += more))
  const [code] = (await once(child, 'close')) as [number]
  assert.equal(text.trimEnd().split('\n').length, 1, text)
  return { code, text }
}

async function hold(): Promise<{ port: number; free: () => void }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, free: () => server.close() }
}

test('a state that can not be had is a circumstance: exit code 3; one of another cluster is wrong usage', async () => {
  const dataDir = join(folder, 'state')
  const common = ['--http-port', 0, '--data-dir', dataDir] as const
  const first = master('--port', await freePort(), ...common)
  await ready(first)
  const locked = await failure('--port', await freePort(), ...common)
  assert.equal(locked.code, 3, locked.text)
  assert.match(locked.text, /is in use by another master/)
  first.kill('SIGTERM')
  await once(first, 'close')
  const foreign = await failure('--port', await freePort(), ...common, '--cluster', 'another')
  assert.equal(foreign.code, 2, foreign.text)
  assert.match(foreign.text, /belongs to cluster "icf"/)
  writeFileSync(join(dataDir, 'state.json'), 'rubbish')
  const damaged = await failure('--port', await freePort(), ...common)
  assert.equal(damaged.code, 3, damaged.text)
  assert.match(damaged.text, /is damaged/)
})

test('an HTTP port in use is named, with the option that changes it: exit code 3', async () => {
  const { port, free } = await hold()
  const busy = await failure(
    ...['--port', await freePort(), '--http-port', port, '--data-dir', join(folder, 'http')],
  )
  free()
  assert.equal(busy.code, 3, busy.text)
  assert.match(busy.text, new RegExp(`127\\.0\\.0\\.1:${port}: another process listens there.*--http-port`))
})

test('without options its state is kept below the current folder, and a killed master goes on with it', async () => {
  const port = await freePort()
  const args = ['--port', port, '--http-port', 0, '--cluster', 'kept'] as const
  const first = master(...args)
  const dataDir = join('.icf', `master-${port}`)
  assert.ok((await ready(first)).includes(`(cluster "kept", state in ${dataDir})`))
  first.kill('SIGKILL')
  await once(first, 'close')
  const before = storedIn(dataDir)
  const second = master(...args, '--json')
  const said = JSON.parse(await ready(second)) as { dataDir: string }
  assert.equal(said.dataDir, join(realpathSync(folder), dataDir))
  second.kill('SIGKILL')
  await once(second, 'close')
  const after = storedIn(dataDir)
  // The time of day in seconds, where that is more than one more.
  assert.ok(after.epoch > before.epoch)
  assert.equal(after.version, before.version + 1)
})

test('only who asks for it has a master that keeps its state in memory', async () => {
  const port = await freePort()
  const child = master('--port', port, '--http-port', 0, '--data-dir', 'none')
  assert.match(await ready(child), /state in memory only/)
  assert.ok(!existsSync(join(folder, '.icf', `master-${port}`)))
})

function storedIn(dataDir: string): { epoch: number; version: number } {
  const text = readFileSync(join(folder, dataDir, 'state.json'), 'utf8')
  const { epoch, version } = (JSON.parse(text) as { state: { epoch: number; version: number } }).state
  return { epoch, version }
}
