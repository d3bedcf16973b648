// Cache servers do not reach each other for longer than anybody waits, while master and clients reach them all: the
// cluster gets along without what is cut.
import { after, describe, it } from 'node:test'
import type { Status } from '@icf/common'
import { CLUSTERS, PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

/** Calls wait until the cut is noticed and seen to, which takes seconds. */
const CALL_TIMEOUT_MS = 60_000

/** So many pairs are known to be cut, and everything is in its place nevertheless. */
function isWhole({ unreachable, settled }: Status, pairs: number): boolean {
  return unreachable.length === pairs && settled
}

describe('under load, for good,', { concurrency: CLUSTERS }, () => {
  const lab = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS })
  /** The least there can be. */
  const two = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS, servers: 2 })
  after(async () => {
    await lab.close()
    await two.close()
  })

  it('two of four servers are cut from each other', { skip }, (t) =>
    lab.last(
      t,
      ({ network, servers: [, second, third] }) => network.cut([second!], [third!]),
      (status) => isWhole(status, 1),
    ),
  )

  it('one is cut from the three others, and is left with nothing', { skip }, (t) =>
    lab.last(
      t,
      ({ network, servers: [first, ...others] }) => network.cut([first!], others),
      (status) =>
        isWhole(status, 3) &&
        status.servers.some(({ primarySlots, backupSlots }) => primarySlots + backupSlots === 0),
    ),
  )

  it('the servers are cut in halves', { skip }, (t) =>
    lab.last(
      t,
      ({ network, servers: [first, second, ...others] }) => network.cut([first!, second!], others),
      (status) => isWhole(status, 4),
    ),
  )

  it('neither of two servers reaches the other, and each goes on alone', { skip }, (t) =>
    two.last(
      t,
      ({ network, servers: [first, second] }) => network.cut([first!], [second!]),
      ({ unreachable, servers }) =>
        unreachable.length === 1 &&
        servers.every(({ primarySlots, backupSlots }) => primarySlots > 0 && backupSlots === 0),
    ),
  )
})
