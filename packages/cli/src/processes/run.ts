import { memoryWarning } from '@icf/common/node'
import type { CacheOptions } from '../commands/cache.js'
import { heapArguments } from '../heap.js'
import { makeLogger } from '../logger.js'
import { requireFreePorts } from '../members/free-ports.js'
import { Member } from '../members/member.js'
import { onStopSignal, signalExitCode } from '../signals.js'
import type { Share } from './plan.js'
import { ProcessRow } from './process-row.js'

/**
 * `icf cache` with several processes.
 * @param args that each of them gets
 */
export async function runProcesses(
  shares: readonly Share[],
  { host, logLevel, maxMemory }: CacheOptions,
  args: readonly string[],
): Promise<number> {
  const ports = shares.map(({ port }) => port)
  await requireFreePorts(host, ports, '--port')
  const logger = await makeLogger('cache', logLevel)
  logger.info({ ports }, `starting ${shares.length} cache servers, each a process of its own`)
  // Each of them knows its own part alone.
  const tooMuch = memoryWarning(maxMemory, 1)
  if (tooMuch !== undefined) logger.warn(tooMuch)
  const members = shares.map(
    (share) =>
      new Member({
        ...{ kind: 'cache', host, port: share.port, whenLetGo: 'hand over' },
        args: [...args, ...shareArgs(share)],
        // It can not begin once more by itself: it would lose its channel.
        nodeArgs: heapArguments(share.maxMemoryBytes),
      }),
  )
  const row = new ProcessRow(members, logger)
  onStopSignal({
    first: (signal) => {
      logger.info(
        { signal },
        'all cache servers hand everything off before they leave; a second signal ends them at once',
      )
      row.handOver()
    },
    again: (signal) => {
      row.killAll()
      process.exit(signalExitCode(signal))
    },
  })
  return row.run()
}

/** In digits that options take: no exponent. */
const WEIGHT_DIGITS = 9

function shareArgs({ port, maxMemoryBytes, weight }: Share): string[] {
  return [
    ...['--port', String(port)],
    ...['--max-memory', `${maxMemoryBytes}b`],
    ...['--weight', weight.toFixed(WEIGHT_DIGITS)],
  ]
}
