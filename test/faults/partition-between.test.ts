// A cache server loses the way to clients or to its peers, and not to the master: it stays a member, and calls wait.
import { after, describe, it } from 'node:test'
import { CLUSTERS, PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

/** A call that nobody else can answer waits for the end of the cut, which lasts as long as a call has by default. */
const CALL_TIMEOUT_MS = 20_000

describe('under load, a server is cut off', { concurrency: CLUSTERS }, () => {
  const lab = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS })
  after(() => lab.close())

  it('from the clients', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [first], clients }) => network.cut([first!], [clients])),
  )

  it('from one peer', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [, second, third] }) => network.cut([second!], [third!])),
  )

  it('from all peers', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [first, ...others] }) => network.cut([first!], others)),
  )
})
