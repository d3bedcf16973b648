// The master loses the network. Without it servers may not serve for long: calls may time out, and nothing else.
import { after, describe, it } from 'node:test'
import { CLUSTERS, PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

const MAY_TIME_OUT = { timeouts: true }

describe('under load, the master is', { concurrency: CLUSTERS }, () => {
  const lab = new PartitionLab()
  after(() => lab.close())

  it('cut off from all', { skip }, (t) =>
    lab.cut(t, ({ network, masters }) => network.cut(masters, network.except(...masters)), MAY_TIME_OUT),
  )

  it('cut off from the servers', { skip }, (t) =>
    lab.cut(t, ({ network, masters, servers }) => network.cut(masters, servers), MAY_TIME_OUT),
  )

  it('cut off from half of the servers', { skip }, (t) =>
    lab.cut(t, ({ network, masters, servers }) => network.cut(masters, servers.slice(0, 2)), MAY_TIME_OUT),
  )

  it('deaf', { skip }, (t) =>
    lab.cut(
      t,
      ({ network, masters }) => network.cut(masters, network.except(...masters), 'in'),
      MAY_TIME_OUT,
    ),
  )

  it('mute', { skip }, (t) =>
    lab.cut(
      t,
      ({ network, masters }) => network.cut(masters, network.except(...masters), 'out'),
      MAY_TIME_OUT,
    ),
  )

  it('cut off from all and back, five times', { skip }, (t) =>
    lab.flap(t, ({ network, masters }) => network.cut(masters, network.except(...masters)), MAY_TIME_OUT),
  )
})
