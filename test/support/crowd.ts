import { isTopologyUpdate, readUpdateVersion } from '@icf/common'
import { nodeRuntime, parseAddress, Redialer, type Link } from '@icf/common/node'

/** As a client dials its master. */
const DIALING = { timeoutMs: 2000, maxTimeoutMs: 8000, minDelayMs: 50, maxDelayMs: 1000 }

interface Member {
  link: Link | undefined
  /** Of the newest topology that came over it; 0: none yet. */
  epoch: number
  readonly redialer: Redialer
}

/**
 * Connections to a master as clients hold them, without the clients: each is made again when it is lost, and looks at
 * nothing of a topology but its epoch. So they cost the test little and the master the same.
 */
export class Crowd {
  readonly #members: Member[] = []

  constructor(size: number, master: string, cluster: string) {
    for (let n = 0; n < size; n++) this.#members.push(join(master, cluster))
  }

  /** Whether all have been sent a topology of that epoch, or a later one, on the connection that they have now. */
  areAllAt(epoch: number): boolean {
    return this.#members.every((member) => member.link !== undefined && member.epoch >= epoch)
  }

  end(): void {
    for (const { link, redialer } of this.#members) {
      redialer.stop()
      link?.terminate()
    }
  }
}

function join(master: string, cluster: string): Member {
  const self = { role: 'client' as const, cluster, id: nodeRuntime.newId(), details: [] }
  const address = parseAddress(master)
  const redialer = new Redialer(nodeRuntime, {
    ...DIALING,
    address,
    introduce: () => self,
    failed: () => undefined,
    opened: (link) => {
      member.link = link
      member.epoch = 0
      link.handlers = {
        message: (message) => {
          if (isTopologyUpdate(message)) member.epoch = readUpdateVersion(message).epoch
        },
        close: () => {
          member.link = undefined
          redialer.lost()
        },
      }
    },
  })
  const member: Member = { link: undefined, epoch: 0, redialer }
  return member
}
