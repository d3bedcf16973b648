// Of two masters the active one loses the network, or some of it: the other one goes on where it must. No client may
// notice anything but a slow call.
import { after, describe, it } from 'node:test'
import { CLUSTERS, PartitionLab } from '../support/partition-lab.js'
import { enterPrivateNetwork } from '../support/private-network.js'

const skip = enterPrivateNetwork() ?? false

/** A call that nobody can answer waits for the end of the cut, which lasts as long as a call has by default. */
const PATIENT = { callTimeoutMs: 20_000 }

describe('under load', () => {
  const lab = new PartitionLab({ masters: 2 })
  after(() => lab.close())

  describe('of two masters the active one is', { concurrency: CLUSTERS }, () => {
    it('cut off from all', { skip }, (t) =>
      lab.cut(t, ({ network, masters: [active] }) => network.cut([active!], network.except(active!)), {
        takeover: true,
      }),
    )

    it('deaf', { skip }, (t) =>
      lab.cut(t, ({ network, masters: [active] }) => network.cut([active!], network.except(active!), 'in'), {
        takeover: true,
      }),
    )

    it('mute', { skip }, (t) =>
      lab.cut(t, ({ network, masters: [active] }) => network.cut([active!], network.except(active!), 'out'), {
        takeover: true,
      }),
    )

    it('cut off from all, together with a server', { skip }, (t) =>
      lab.cut(
        t,
        ({ network, masters: [active], servers: [first] }) =>
          network.cut([active!, first!], network.except(active!, first!)),
        { takeover: true },
      ),
    )

    it('cut off from the other one, and goes on', { skip }, (t) =>
      lab.cut(t, ({ network, masters: [active, standby] }) => network.cut([active!], [standby!]), {
        takeover: false,
      }),
    )

    it('cut off from all and back, five times', { skip }, (t) =>
      lab.flap(t, ({ network, masters: [active] }) => network.cut([active!], network.except(active!))),
    )

    it('cut off from half of the servers', { skip }, (t) =>
      lab.cut(
        t,
        ({ network, masters: [active], servers }) => network.cut([active!], servers.slice(0, 2)),
        PATIENT,
      ),
    )

    it('cut off from the servers', { skip }, (t) =>
      lab.cut(t, ({ network, masters: [active], servers }) => network.cut([active!], servers), PATIENT),
    )
  })

  it('and afterwards a server is shut down', { skip }, (t) => lab.shutOneDown(t))
})
