// A cache server loses the network, or the master. Others take over: no client may notice anything but a slow call.
import { after, describe, it } from 'node:test'
import { PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

describe('under load, a server is', () => {
  const lab = new PartitionLab()
  after(() => lab.close())

  it('cut off from all', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [first] }) => network.cut([first!], network.except(first!))),
  )

  it('cut off from the master', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [, second], masters }) => network.cut([second!], masters)),
  )

  it('deaf', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [, , third] }) => network.cut([third!], network.except(third!), 'in')),
  )

  it('mute', { skip }, (t) =>
    lab.cut(t, ({ network, servers: [, , , fourth] }) =>
      network.cut([fourth!], network.except(fourth!), 'out'),
    ),
  )

  it('cut off from all and back, five times', { skip }, (t) =>
    lab.flap(t, ({ network, servers: [first] }) => network.cut([first!], network.except(first!))),
  )
})
