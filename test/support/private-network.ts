import { spawnSync } from 'node:child_process'

/** Set in the process that runs inside. `ICF_…`, so that no process under test inherits it. */
const INSIDE = 'ICF_TEST_PRIVATE_NETWORK'

/** `ip netns` keeps its names in /run/netns: a file system of its own there keeps them from the rest of the machine. */
const ENTER = 'mkdir -p /run/netns && mount -t tmpfs none /run/netns && ip link set lo up'

/** All that the network of a test is made of, once. */
const TRIAL = `${ENTER} && ip netns add trial && ip link add bridge0 type bridge &&
  ip link add veth0 type veth peer name eth0 netns trial && ip netns exec trial nft add table ip trial`

/**
 * Runs the test file that calls this, before its first test, once more in a network of its own with nothing in it but
 * loopback, and ends this process with what came of that. In there, it returns at once. Nothing that is done to that
 * network reaches this machine's, and all of it is gone with the last process inside.
 *
 * @param tools programs that the tests use there, beside those of the network
 * @returns why there can be no such network, and the tests are to be skipped; undefined inside
 */
export function enterPrivateNetwork(...tools: readonly string[]): string | undefined {
  if (process.env[INSIDE] !== undefined) return undefined
  const obstacle = findObstacle(tools)
  if (obstacle !== undefined) return obstacle
  const { status } = spawnSync(
    ...inside(`${ENTER} && exec "$@"`, [process.execPath, ...process.execArgv, ...process.argv.slice(1)]),
    { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } },
  )
  // No test is registered yet: results and exit code are those of the run inside.
  process.exit(status ?? 1)
}

function findObstacle(tools: readonly string[]): string | undefined {
  if (process.platform !== 'linux') return 'needs the network namespaces of Linux'
  if (process.getuid!() !== 0) return 'needs root, to make network namespaces'
  for (const tool of ['unshare', 'ip', 'nft', ...tools])
    if (spawnSync(tool, ['-V']).error) return `needs the program "${tool}"`
  const { status, stderr } = spawnSync(...inside(TRIAL, []), { encoding: 'utf8' })
  return status === 0 ? undefined : `can not make a network here: ${stderr.trim()}`
}

function inside(script: string, args: readonly string[]): [string, string[]] {
  return ['unshare', ['--net', '--mount', 'sh', '-c', script, 'sh', ...args]]
}
