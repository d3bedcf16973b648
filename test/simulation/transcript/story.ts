import { OneOwnerChecker } from '../checkers/one-owner.js'
import { checkOneMaster } from '../checkers/one-master.js'
import { SimCluster, type SimClient } from '../cluster.js'
import { Network } from '../virtual/network.js'
import type { VirtualProcess } from '../virtual/process.js'
import { CALM } from '../virtual/weather.js'
import { World } from '../virtual/world.js'
import { fieldsInWords, nameOf, readFrame } from '../words/message.js'
import { Changes } from './changes.js'
import { StoryNames } from './names.js'
import { Noise } from './noise.js'
import { Record } from './record.js'

/** So few that each is told of. */
const SLOTS = 4

/** Every packet takes half a millisecond, so that what is sent together comes together. */
const WEATHER = { ...CALM, latencyMs: 0.5, jitterMs: 0, bytesPerMs: Infinity, joinChance: 1 }

const BUDGET_BYTES = 64 * 1024 * 1024

/** Within this, in ms, what a step waits for has happened, or will not. */
const PATIENCE_MS = 10_000

export interface StoryOptions {
  readonly masters: number
  /** Called cache-1 and so on, each on a machine of its own. */
  readonly servers: number
  /** Decides who is the first of equals, and how long disks take. */
  readonly seed: number
}

/** So many lines of a step that does not end are shown. */
const MOST_LINES = 100

/** A cluster in a world of its own, to which things are done step by step. What they are: `commands.ts`. */
export class Story {
  readonly names = new StoryNames()
  readonly record: Record
  readonly world: World
  readonly network: Network
  readonly cluster: SimCluster
  /** What the step waits for: it ends when all of these are true. */
  #awaited: { readonly what: string; isDone(): boolean }[] = []
  /** What the step does when a line comes that has this text. */
  #reactions: { readonly text: string; react(): void }[] = []
  readonly #changes: Changes
  #client: SimClient | undefined
  readonly #noise = new Noise()
  readonly #owners = new OneOwnerChecker()

  constructor({ masters, servers, seed }: StoryOptions) {
    this.world = new World(seed)
    this.network = new Network(this.world, WEATHER)
    this.network.heard = (from, to, frame) => this.#heard(from, to, frame)
    this.record = new Record(() => this.world.now)
    this.record.added = (line) => this.#react(line)
    const options = { masters, slotCount: SLOTS, budgets: [BUDGET_BYTES], zones: ['zone'] }
    this.cluster = new SimCluster(this.network, options)
    for (let i = 1; i <= servers; i++) this.cluster.startServer(`cache-${i}`)
    this.#changes = new Changes(this.cluster, this.names, this.record)
  }

  get client(): SimClient {
    if (!this.#client) throw new Error('there is no client yet: "client" starts it')
    return this.#client
  }

  /** The living process of that name. */
  process(name: string): VirtualProcess {
    const found = this.cluster.processes.find((process) => this.names.of(process) === name)
    if (!found) throw new Error(`there is no process ${name}`)
    return found
  }

  beginClient(timeoutMs: number): void {
    void this.cluster.startClient(timeoutMs).then((client) => (this.#client = client))
    this.await('the client is connected', () => this.#client !== undefined)
  }

  await(what: string, isDone: () => boolean): void {
    this.#awaited.push({ what, isDone })
  }

  /** @param react at the instant in which a line comes that has the text; the step waits for it */
  when(text: string, react: () => void): void {
    let isOver = false
    this.#reactions.push({
      text,
      react: () =>
        this.world.after(0, () => {
          isOver = true
          react()
        }),
    })
    this.await(`there is a line with "${text}"`, () => isOver)
  }

  /** Does what begins the step, and lets happen what it waits for. @returns what happened meanwhile */
  async step(begin: () => void): Promise<string[]> {
    this.#awaited = []
    this.#reactions = []
    this.record.begin()
    begin()
    this.#look()
    await this.world.run(this.world.now + PATIENCE_MS, () => {
      this.#look()
      return this.#awaited.every(({ isDone }) => isDone())
    })
    // What else happens at this instant belongs to it.
    await this.world.run(this.world.now, () => {
      this.#look()
      return false
    })
    const lines = this.record.render()
    const missing = this.#awaited.find(({ isDone }) => !isDone())
    if (missing) {
      const what = `within ${PATIENCE_MS} ms it does not happen that ${missing.what}; what does:`
      throw new Error([what, ...lines.slice(0, MOST_LINES)].join('\n'))
    }
    return lines
  }

  #look(): void {
    const { servers, masters } = this.cluster
    this.#changes.look()
    this.#owners.check(servers, SLOTS)
    if (masters.terms) checkOneMaster(masters.terms)
  }

  #heard(from: VirtualProcess, to: VirtualProcess, frame: Buffer): void {
    const message = readFrame(frame)
    const [sender, receiver] = [this.names.of(from), this.names.of(to)]
    this.names.heard(from, message)
    if (this.#noise.isNoise(sender, receiver, message)) return
    const text = `${nameOf(message)}  ${fieldsInWords(message, this.names, SLOTS)}`
    this.record.message(sender, receiver, text.trimEnd())
  }

  #react(line: string): void {
    const due = this.#reactions.filter(({ text }) => line.includes(text))
    this.#reactions = this.#reactions.filter((reaction) => !due.includes(reaction))
    for (const { react } of due) react()
  }
}
