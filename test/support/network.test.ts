import assert from 'node:assert/strict'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it, type TestContext } from 'node:test'
import { Child } from './child.js'
import { type Machine, Network } from './network.js'
import { enterPrivateNetwork } from './private-network.js'
import { waitUntil } from '@icf/testkit/wait'

/** With each test, not with their suite: of a suite that is skipped none is counted. */
const skip = enterPrivateNetwork() ?? false

const PORT = 7000

/** Says which numbers came in datagrams, and sends numbers of its own to the address in its arguments. */
const DATAGRAMS = `
  const [host, port] = process.argv.slice(1)
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (message) => console.log('got ' + message))
  socket.bind(${PORT}, () => console.log('ready'))
  let sent = 0
  setInterval(() => socket.send(String(++sent), +port, host, () => console.log('sent ' + sent)), 5)`
const ECHO = `require('node:net').createServer((socket) => socket.pipe(socket)).listen(${PORT}, () => console.log('ready'))`
/** Exits with 0 when it connected, and with 2 when nothing at all came back for a second. */
const CONNECT = `
  const socket = require('node:net').connect(${PORT}, process.argv[1])
  socket.on('connect', () => process.exit(0)).on('error', () => process.exit(1))
  setTimeout(() => process.exit(2), 1000)`

const CONNECTED = 0
const SILENCE = 2

interface Exchange {
  readonly socket: Socket
  /** The numbers that came, in their order. */
  readonly received: readonly number[]
  readonly remote: Child
}

describe('a network of machines', () => {
  let network: Network
  let [first, second, third] = [] as unknown as [Machine, Machine, Machine]
  let echoes: Child[] = []

  before(async () => {
    if (skip) return
    network = await Network.create()
    first = await network.addMachine()
    second = await network.addMachine()
    third = await network.addMachine()
    echoes = await Promise.all([first, second, third].map((machine) => startReady('echo', ECHO, machine)))
  })

  after(async () => {
    await Promise.all(echoes.map(end))
  })

  it(
    'no machine can be connected to across a cut, from either side, until that is healed',
    { skip },
    async () => {
      await untilConnected(first, second)
      const heal = await network.cut([first], [second])
      assert.equal(await tryConnect(first, second), SILENCE)
      assert.equal(await tryConnect(second, first), SILENCE)
      await untilConnected(first, third)
      await untilConnected(third, second)
      await heal()
      await untilConnected(first, second)
      await untilConnected(second, first)
    },
  )

  it('a machine is cut off from all others, and still reaches itself', { skip }, async () => {
    const heal = await network.cut([first], network.except(first))
    assert.equal(await tryConnect(network.here, first), SILENCE)
    assert.equal(await tryConnect(first, third), SILENCE)
    await untilConnected(first, first)
    await untilConnected(network.here, second)
    await heal()
    await untilConnected(network.here, first)
  })

  it('one of two cuts that lie over each other is healed: the other one stays', { skip }, async () => {
    const heal = await network.cut([first], [second])
    const healOther = await network.cut([first, third], [second])
    await heal()
    assert.equal(await tryConnect(second, first), SILENCE)
    await healOther()
    await untilConnected(second, first)
    await untilConnected(second, third)
  })

  it('an open connection carries nothing across a cut, and goes on afterwards', { skip }, async (t) => {
    const socket = connect(PORT, first.host)
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    let echoed = ''
    socket.setEncoding('latin1').on('data', (text: string) => (echoed += text))
    socket.write('a')
    await waitUntil(() => echoed === 'a', { what: 'the first echo' })
    const heal = await network.cut([first], [network.here])
    socket.write('b')
    assert.equal(await tryConnect(network.here, first), SILENCE)
    assert.equal(echoed, 'a')
    await heal()
    await waitUntil(() => echoed === 'ab', { what: 'what was written during the cut' })
  })

  it('a deaf machine is still heard', { skip }, async (t) => {
    const { socket, received, remote } = await exchange(t)
    const heal = await network.cut([first], [network.here], 'in')
    socket.send('1', PORT, first.host)
    const sent = lastOf(remote, 'sent')
    await waitUntil(() => received.some((number) => number > sent + 20), { what: 'what it sends' })
    await heal()
    socket.send('2', PORT, first.host)
    await waitUntil(() => remote.stdout.includes('got 2'), { what: 'what is sent to it after the cut' })
    assert.ok(!remote.stdout.includes('got 1'), 'it heard something')
  })

  it('a mute machine still hears', { skip }, async (t) => {
    const { socket, received, remote } = await exchange(t)
    const heal = await network.cut([first], [network.here], 'out')
    socket.send('1', PORT, first.host)
    await waitUntil(() => remote.stdout.includes('got 1'), { what: 'what is sent to it' })
    // All that it sent before the cut stands before that.
    const from = lastOf(remote, 'sent')
    await waitUntil(() => lastOf(remote, 'sent') > from + 5, { what: 'it to send more' })
    const to = lastOf(remote, 'sent')
    await heal()
    await waitUntil(() => received.at(-1)! > to, { what: 'what it sends after the cut' })
    const crossed = received.filter((number) => number > from && number <= to)
    assert.deepEqual(crossed, [], 'it was heard')
  })

  /** Numbers go from the first machine to the test process all the time. */
  async function exchange(t: TestContext): Promise<Exchange> {
    const socket = createSocket('udp4')
    t.after(() => socket.close())
    socket.bind(0, network.here.host)
    await once(socket, 'listening')
    const received: number[] = []
    socket.on('message', (message) => received.push(Number(message)))
    const { port } = socket.address()
    const remote = await startReady('datagrams', DATAGRAMS, first, network.here.host, String(port))
    t.after(() => end(remote))
    await waitUntil(() => received.length > 0, { what: 'a datagram' })
    return { socket, received, remote }
  }
})

async function startReady(name: string, script: string, at: Machine, ...args: string[]): Promise<Child> {
  const child = new Child(name, ['-e', script, ...args], {}, at)
  await waitUntil(() => child.stdout.startsWith('ready'), { what: `${name} at ${at.name}` })
  return child
}

async function end(child: Child): Promise<void> {
  child.signal('SIGKILL')
  await child.exited
}

function lastOf({ stdout }: Child, verb: string): number {
  return Number(new RegExp(`${verb} (\\d+)\n(?![^]*${verb} )`).exec(stdout)?.[1] ?? 0)
}

async function tryConnect(from: Machine, to: Machine): Promise<number | null> {
  return (await new Child('connect', ['-e', CONNECT, to.host], {}, from).exited).code
}

async function untilConnected(from: Machine, to: Machine): Promise<void> {
  const what = `a connection from ${from.name} to ${to.name}`
  await waitUntil(async () => (await tryConnect(from, to)) === CONNECTED, { what })
}
