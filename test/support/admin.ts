import { setTimeout } from 'node:timers/promises'
import { decodeTopology, errorFromWire, IcfError, MessageType, type Topology } from '@icf/common'
import { dial, nodeRuntime, parseAddress } from '@icf/common/node'

const TIMEOUT_MS = 10_000
const PAUSE_MS = 20

/**
 * One operator's request over a connection of its own: a poll that does not cost the start of a process. While masters
 * only stand by, it waits for one to be elected: none of them has done anything.
 * @throws IcfError what the master answered, or why none could be reached
 */
export async function askMaster(
  masters: readonly string[],
  cluster: string,
  name: string,
  args: object = {},
): Promise<unknown> {
  for (const deadline = performance.now() + TIMEOUT_MS; ; await setTimeout(PAUSE_MS)) {
    const failures: unknown[] = []
    for (const master of masters) {
      try {
        return await askOneMaster(master, cluster, name, args)
      } catch (error) {
        failures.push(error)
      }
    }
    const standsBy = failures.some((error) => (error as IcfError).code === 'STANDBY')
    if (!standsBy || performance.now() > deadline) throw failures.at(-1)
  }
}

/** Of one master, whatever it is. @throws IcfError as above, STANDBY at once */
export async function askOneMaster(
  master: string,
  cluster: string,
  name: string,
  args: object,
): Promise<unknown> {
  const link = await dial(
    nodeRuntime,
    parseAddress(master),
    { role: 'admin', cluster, id: '', details: [] },
    TIMEOUT_MS,
  )
  try {
    return await new Promise((resolve, reject) => {
      const timer = nodeRuntime.setTimeout(
        () => reject(new IcfError('TIMEOUT', `${name}: no answer from ${master}`)),
        TIMEOUT_MS,
      )
      link.handlers = {
        message: ([type, number, ok, result, text]) => {
          if (type !== MessageType.ADMIN_RESPONSE || number !== 1) return
          nodeRuntime.clear(timer)
          if (ok === true) resolve(result)
          else reject(new IcfError(errorFromWire(result), String(text)))
        },
        close: () => {
          nodeRuntime.clear(timer)
          reject(new IcfError('UNREACHABLE', `${master} closed the connection`))
        },
      }
      link.send([MessageType.ADMIN_REQUEST, 1, name, args])
    })
  } finally {
    link.terminate()
  }
}

export async function askTopology(masters: readonly string[], cluster: string): Promise<Topology> {
  return decodeTopology(await askMaster(masters, cluster, 'TOPOLOGY'), undefined)!
}

/** For each slot, who is primary and who is backup: what two assignments are compared by. */
export function assignmentOf({ servers, primary, backup }: Topology): string[] {
  return Array.from(primary, (seat, slot) => `${servers[seat]?.id} ${servers[backup[slot]!]?.id}`)
}
