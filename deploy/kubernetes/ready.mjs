// Whether a rolling update or a drain may go on: ends with 0 once this cache server is a member and the cluster has settled
// with it, that is, every slot is served and has its backup, and nothing moves; else with 1. It asks the active master's HTTP.
// Of several cache servers (ICF_PROCESSES) each has to be a member, with its own port.
const HTTP_PORT_OFFSET = 80
/** Below that of the probe. */
const TIMEOUT_MS = 2000

const { ICF_HOST, ICF_PORT, ICF_MASTERS, ICF_PROCESSES } = process.env

/** Undefined when it is not the active master, or none. */
async function statusOf(master) {
  const url = new URL(`http://${master}/api/status`)
  url.port = Number(url.port) + HTTP_PORT_OFFSET
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) })
    return response.ok ? await response.json() : undefined
  } catch {
    return undefined
  }
}

function problemOf(status) {
  if (!ownPorts) return `ICF_PROCESSES=${ICF_PROCESSES}: write a number, so that this check knows the ports`
  if (!status) return 'no master is active'
  for (const ownPort of ownPorts) {
    const own = status.servers.find(({ host, port }) => host === ICF_HOST && port === ownPort)
    if (own?.state !== 'active') return `the server at port ${ownPort} is ${own?.state ?? 'no member'}`
  }
  return status.settled ? undefined : `the cluster has not settled: ${status.movesPending} moves pending`
}

/** In a row; undefined when nobody knows how many. */
function portsInARow() {
  const count = ICF_PROCESSES || '1'
  if (!/^\d+$/.test(count)) return undefined
  return Array.from({ length: Number(count) }, (_, index) => Number(ICF_PORT) + index)
}

const ownPorts = portsInARow()
const statuses = await Promise.all(ICF_MASTERS.split(',').map(statusOf))
const problem = problemOf(statuses.find((status) => status !== undefined))
if (problem !== undefined) {
  console.error(problem)
  process.exitCode = 1
}
