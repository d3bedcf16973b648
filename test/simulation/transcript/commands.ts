import { isSettled } from '../settled.js'
import { ownersInWords } from '../words/topology.js'
import { stamp } from '../words/names.js'
import { valueWords } from '../words/values.js'
import { Story } from './story.js'

/** Of each call of the client, in ms. */
const CALL_TIMEOUT_MS = 5000

/** So old a cluster is when its story begins, in ms: cache servers vote since a while then. */
const FORMED_MS = 5000

type Command = (story: Story, words: readonly string[]) => void

/** What a transcript can have done, by its first word. */
const commands: Readonly<Record<string, Command>> = {
  client: (story) => story.beginClient(CALL_TIMEOUT_MS),
  set: (story, [key, value]) =>
    call(story, `SET ${key}=${valueWords(value)}`, () => story.client.client.set(key!, value!)),
  get: (story, [key]) => call(story, `GET ${key}`, () => story.client.client.get(key!)),
  join: (story, [machine]) => void story.cluster.startServer(machine!),
  kill: (story, [name]) => story.process(name!).kill(),
  pause: (story, [name]) => story.process(name!).stop(),
  resume: (story, [name]) => story.process(name!).goOn(),
  cut: (story, [one, ...others]) => {
    story.record.note('network', `nothing passes between ${one} and ${others.join(' ')}`)
    for (const other of others) story.network.cut(story.process(one!), story.process(other))
  },
  heal: (story, [one, ...others]) => {
    story.record.note('network', `everything passes again between ${one} and ${others.join(' ')}`)
    for (const other of others) story.network.heal(story.process(one!), story.process(other))
  },
  break: (story, [a, b]) => {
    story.record.note('network', `the connections between ${a} and ${b} break`)
    for (const socket of story.network.socketsBetween(story.process(a!), story.process(b!)))
      story.network.reset(socket)
  },
  for: (story, [ms]) => {
    const untilMs = story.world.now + Number(ms)
    story.await(`${ms} ms pass`, () => story.world.now >= untilMs)
    story.world.after(Number(ms), () => undefined)
  },
  until: (story, words) => story.when(words.join(' '), () => undefined),
  when: (story, words) => {
    const [text, command] = words.join(' ').split(/: (.*)/)
    story.when(text!, () => perform(story, command!))
  },
}

/** Whether a story begins, in a world of its own. */
export function isBeginning([line]: readonly string[]): boolean {
  return line?.startsWith('cluster ') === true
}

/** `cluster masters=1 servers=2 seed=1`. How the cluster forms is not told. @throws Error for a line that is not so */
export async function begin([line]: readonly string[]): Promise<Story> {
  const [, masters, servers, seed] = /^cluster masters=(\d+) servers=(\d+) seed=(\d+)$/.exec(line!) ?? []
  if (seed === undefined) throw new Error(`"cluster masters=N servers=N seed=N" it has to be, not "${line}"`)
  const story = new Story({ masters: Number(masters), servers: Number(servers), seed: Number(seed) })
  await story.step(() =>
    story.await('the cluster is whole', () => story.world.now >= FORMED_MS && isWhole(story)),
  )
  story.names.countEpochsFrom(story.cluster.topology!.epoch)
  return story
}

/** Carries out one step. @returns what comes of it. @throws Error for what is no command, or what does not end */
export async function runStep(story: Story | undefined, lines: readonly string[]): Promise<string[]> {
  if (!story)
    throw new Error(`a story begins with "cluster masters=N servers=N seed=N", not with "${lines[0]}"`)
  if (lines[0] === 'owners') return owners(story)
  return story.step(() => lines.forEach((line) => perform(story, line)))
}

function perform(story: Story, line: string): void {
  const [name, ...words] = line.split(' ')
  const command = commands[name!]
  if (!command) throw new Error(`there is no command "${name}"`)
  command(story, words)
}

function call(story: Story, what: string, run: () => Promise<unknown>): void {
  const { world, client } = story
  const begun = world.now
  let isOver = false
  story.await(`${what} is answered`, () => isOver)
  const over = (how: string): void => {
    isOver = true
    story.record.note('client', `${what} ${how}, after ${(world.now - begun).toFixed(1)} ms`)
  }
  client.process.turn('calls', () => {
    run().then(
      (value) => over(what.startsWith('SET') ? 'is done' : `is ${valueWords(value)}`),
      (error: Error) => over(`fails: ${error.message}`),
    )
  })
}

function isWhole({ cluster }: Story): boolean {
  const haveLeases = cluster.servers.every(
    ({ process, incarnation }) => incarnation && process.now() < incarnation.core.lease.until,
  )
  return haveLeases && isSettled(cluster)
}

/** Who owns which slot now, by the topology that is in effect. */
export function owners({ cluster: { topology, masters }, names }: Story): string[] {
  if (!topology) return ['nobody is active']
  const version = stamp(names, topology.epoch, topology.version)
  return [
    `${version} is in effect, by ${names.of(masters.acting.process)}`,
    ...ownersInWords(topology, names),
  ]
}
