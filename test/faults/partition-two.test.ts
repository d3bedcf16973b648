// Two cache servers, the least there can be, do not reach each other, while master and clients reach both. One network to
// a process: so this has a file of its own.
import { after, describe, it } from 'node:test'
import { PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

/** Calls wait until the cut is noticed and seen to, which takes seconds. */
const CALL_TIMEOUT_MS = 60_000

describe('under load, for good, of two servers', () => {
  const lab = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS, servers: 2 })
  after(() => lab.close())

  it('neither reaches the other, and each goes on alone', { skip }, (t) =>
    lab.last(
      t,
      ({ network, servers: [first, second] }) => network.cut([first!], [second!]),
      ({ unreachable, servers }) =>
        unreachable.length === 1 &&
        servers.every(({ primarySlots, backupSlots }) => primarySlots > 0 && backupSlots === 0),
    ),
  )
})
