// HEALTHCHECK of the image: exit code 0 when the process of this container does what it is there for.
//
// A master tells by /readyz whether it is active, or a standby that follows the active one. A cache server has no HTTP
// face; that its port answers a request in HTTP (with 426) says that it listens and that its event loop turns. It is not
// asked whether it finds a master: without one it goes on serving, and nobody should start it anew for that. Of several
// cache servers (ICF_PROCESSES) each has to answer, on its own port.
//
// Ports are those of the environment (ICF_PORT, ICF_HTTP_PORT), or the defaults: on the command line they are not seen.
import { readFileSync } from 'node:fs'

const UPGRADE_REQUIRED = 426
const TIMEOUT_MS = 2500

const { ICF_HOST, ICF_PORT, ICF_HTTP_PORT, ICF_PROCESSES } = process.env
const isWildcard = ICF_HOST === undefined || ICF_HOST === '' || /^[0:.]+$/.test(ICF_HOST)
const host = isWildcard ? '127.0.0.1' : ICF_HOST.includes(':') ? `[${ICF_HOST}]` : ICF_HOST

const checks = {
  master: async () => {
    const httpPort = portOf(ICF_HTTP_PORT) ?? (portOf(ICF_PORT) ?? 7000) + 80
    return (await statusOf(`http://${host}:${httpPort}/readyz`)) === 200
  },
  cache: async () => {
    const statuses = await Promise.all(cachePorts().map((port) => statusOf(`http://${host}:${port}/`)))
    return statuses.every((status) => status === UPGRADE_REQUIRED)
  },
}

/** In a row. */
function cachePorts() {
  const count = ICF_PROCESSES || '1'
  if (!/^\d+$/.test(count))
    throw new Error(`ICF_PROCESSES=${count}: write a number, so that this check knows the ports`)
  return Array.from({ length: Number(count) }, (_, index) => (portOf(ICF_PORT) ?? 7100) + index)
}

/** Undefined where there is none, and where a link to a service named icf made it `tcp://…`. */
function portOf(text) {
  return /^\d+$/.test(text ?? '') ? Number(text) : undefined
}

async function statusOf(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
  return response.status
}

/** Of the main process of the container, or of an init process in front of it. */
function findRole() {
  const role = readFileSync('/proc/1/cmdline', 'utf8')
    .split('\0')
    .find((word) => Object.hasOwn(checks, word))
  if (role === undefined) throw new Error('process 1 is neither a master nor a cache server')
  return role
}

try {
  process.exitCode = (await checks[findRole()]()) ? 0 : 1
} catch (error) {
  console.error(error.cause?.message ?? error.message)
  process.exitCode = 1
}
