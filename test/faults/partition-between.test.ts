// A cache server that nobody takes over for loses the network: it stays a member, and calls wait. Either it still has the way
// to the master, and none to clients or to its peers, or it is the only one.
import { after, describe, it } from 'node:test'
import { CLUSTERS, PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

/** A call that nobody else can answer waits for the end of the cut, which lasts as long as a call has by default. */
const CALL_TIMEOUT_MS = 20_000

describe('under load, a server is cut off', { concurrency: CLUSTERS }, () => {
  const lab = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS })
  const lone = new PartitionLab({ callTimeoutMs: CALL_TIMEOUT_MS, servers: 1 })
  after(async () => {
    await lab.close()
    await lone.close()
  })

  it('from the clients', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [first], clients }) => network.cut([first!], [clients])),
  )

  it('from one peer', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [, second, third] }) => network.cut([second!], [third!])),
  )

  it('from all peers', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [first, ...others] }) => network.cut([first!], others)),
  )

  it('from all, and it is the only one', { skip }, (t) =>
    lone.cut(t, ({ network, servers }) => network.cut(servers, network.except(...servers))),
  )
})
