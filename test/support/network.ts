import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Place } from './place.js'

const BRIDGE = 'bridge0'
const SUBNET = '10.77.0'
const MAX_HOST = 254

/** One machine of the network: a network namespace with one address. */
export interface Machine extends Place {
  readonly name: string
}

/** From the point of view of the machines that are cut: what comes to them, what leaves them. */
export type Way = 'both' | 'in' | 'out'

export type Heal = () => Promise<void>

/**
 * Machines on one cable, that can be cut from each other. One to a process, and only inside of `enterPrivateNetwork`:
 * it ends with the last process in there.
 */
export class Network {
  /** Where the test process is. */
  readonly here: Machine = { name: 'here', host: `${SUBNET}.1`, prefix: [] }
  readonly #machines: Machine[] = [this.here]
  #cuts = 0
  #added: Promise<unknown> = Promise.resolve()

  private constructor() {}

  static async create(): Promise<Network> {
    const network = new Network()
    await run('ip', ['link', 'add', BRIDGE, 'type', 'bridge'])
    await run('ip', ['address', 'add', `${network.here.host}/24`, 'dev', BRIDGE])
    await run('ip', ['link', 'set', BRIDGE, 'up'])
    return network
  }

  /** One after the other: `ip netns add` is not made for several at once. */
  addMachine(): Promise<Machine> {
    const added = this.#added.then(() => this.#addMachine())
    this.#added = added.catch(() => undefined)
    return added
  }

  async #addMachine(): Promise<Machine> {
    const number = this.#machines.length + 1
    if (number > MAX_HOST) throw new Error(`a network has at most ${MAX_HOST} machines`)
    const name = `machine${number}`
    const machine = { name, host: `${SUBNET}.${number}`, prefix: ['ip', 'netns', 'exec', name] }
    this.#machines.push(machine)
    const link = `veth${number}`
    await run('ip', ['netns', 'add', name])
    await run('ip', ['link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name])
    await run('ip', ['link', 'set', link, 'master', BRIDGE, 'up'])
    await run('ip', ['-n', name, 'address', 'add', `${machine.host}/24`, 'dev', 'eth0'])
    await run('ip', ['-n', name, 'link', 'set', 'eth0', 'up'])
    // A process reaches itself at its own address.
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    return machine
  }

  /** Every machine but these. */
  except(...these: Machine[]): Machine[] {
    return this.#machines.filter((machine) => !these.includes(machine))
  }

  /**
   * Drops, without a word to anyone, what travels between these machines and those, also on connections that are open.
   * The filter is on these machines: those may be many.
   * @returns what ends this cut, and only this one
   */
  async cut(these: readonly Machine[], those: readonly Machine[], way: Way = 'both'): Promise<Heal> {
    const table = `cut${++this.#cuts}`
    const rules = filter(table, those, way)
    await Promise.all(these.map((machine) => nft(machine, rules)))
    return async () => {
      await Promise.all(these.map((machine) => nft(machine, `delete table ip ${table}`)))
    }
  }
}

/** As one command: it takes effect as a whole. */
function filter(table: string, those: readonly Machine[], way: Way): string {
  const addresses = `{ ${those.map(({ host }) => host).join(', ')} }`
  const input = `chain input { type filter hook input priority 0; ip saddr ${addresses} drop; };`
  const output = `chain output { type filter hook output priority 0; ip daddr ${addresses} drop; };`
  return `table ip ${table} { ${way === 'out' ? '' : input} ${way === 'in' ? '' : output} }`
}

async function nft({ prefix }: Machine, command: string): Promise<void> {
  const [program, ...args] = [...prefix, 'nft', command]
  await run(program!, args)
}

const run = promisify(execFile)
