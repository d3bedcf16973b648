// Gets a checkout ready to run with nothing but Node and npm: installs what the lock file says when the
// installed tree differs, then builds what changed. Used by `npm start`, `npm test` and `npm run build`.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const OLDEST_NODE = [20, 19]

export const root = resolve(fileURLToPath(import.meta.url), '../..')

/** Says in plain words that this Node is too old, instead of failing later on some syntax. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1])) return
  console.error(`icf needs Node ${OLDEST_NODE.join('.')} or newer; this is Node ${process.versions.node}.`)
  process.exit(1)
}

/** Installs when needed, then builds. True when both worked. */
export function prepare() {
  requireNode()
  return install() && build()
}

function install() {
  if (installedTreeMatchesLock()) return true
  console.error('Installing dependencies (npm ci) …')
  const args = ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // Under `npm start` the very same npm is used again.
  const npmCli = process.env.npm_execpath
  const status = npmCli?.endsWith('.js')
    ? run(process.execPath, [npmCli, ...args])
    : run('npm', args, { shell: process.platform === 'win32' })
  if (status !== 0) console.error('npm ci failed; see above.')
  return status === 0
}

/** npm keeps what it installed in node_modules/.package-lock.json and writes that file last. */
function installedTreeMatchesLock() {
  const wanted = readLock('package-lock.json')
  const installed = readLock('node_modules/.package-lock.json')
  if (!installed) return false
  for (const [path, entry] of Object.entries(wanted ?? {})) {
    if (!path.startsWith('node_modules/')) continue
    const found = installed[path]
    if (!found && entry.optional) continue // built for another platform
    if (!found || found.version !== entry.version || found.integrity !== entry.integrity) return false
  }
  return true
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages
  } catch {
    return undefined
  }
}

function build() {
  for (const { source, dist } of projects()) removeOrphans(source, dist)
  const status = run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-b'])
  linkBin()
  if (status !== 0) console.error('The build failed; see above.')
  return status === 0
}

/** Every compiled folder, with the folder its sources are in. */
export function projects() {
  const packages = readdirSync(join(root, 'packages')).map((name) => ({
    source: join(root, 'packages', name, 'src'),
    dist: join(root, 'packages', name, 'dist'),
  }))
  const others = ['test', 'bench'].map((name) => ({
    source: join(root, name),
    dist: join(root, name, 'dist'),
  }))
  return [...packages, ...others].filter(({ source }) => existsSync(source))
}

/** The compiler never deletes: what it once made of a source that is gone would still run and be checked. */
function removeOrphans(source, dist) {
  if (!existsSync(dist)) return
  for (const file of readdirSync(dist, { recursive: true })) {
    if (!file.endsWith('.d.ts')) continue
    const stem = file.slice(0, -'.d.ts'.length)
    if (['.ts', '.tsx'].some((ext) => existsSync(join(source, stem + ext)))) continue
    for (const ext of ['.d.ts', '.js', '.js.map']) rmSync(join(dist, stem + ext), { force: true })
  }
}

/** npm could not link `icf` before it was compiled, and the compiler does not make files executable. */
function linkBin() {
  const main = join(root, 'packages/cli/dist/main.js')
  if (!existsSync(main)) return
  if (process.platform !== 'win32') chmodSync(main, 0o755)
  const bin = join(root, 'node_modules/.bin/icf')
  if (existsSync(bin)) return
  run('npm', ['rebuild', '--ignore-scripts', '--silent', '-w', '@icf/cli'], {
    shell: process.platform === 'win32',
    stdio: 'ignore',
  })
}

function run(command, args, options) {
  // Standard output stays clean: `npm start -- --json` prints one JSON object there.
  const done = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], ...options })
  if (done.error) console.error(done.error.message)
  return done.status ?? 1
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = prepare() ? 0 : 1
