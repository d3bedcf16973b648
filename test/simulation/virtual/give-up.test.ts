import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lab, send } from './lab.js'

const GIVE_UP_MS = 1000

describe('a kernel that sends again in vain', () => {
  const start = (): Promise<Lab> => Lab.start({ weather: { giveUpMs: GIVE_UP_MS } })

  it('gives the connection up, each end at a time of its own', async () => {
    const lab = await start()
    const socket = await lab.open()
    const closedAt: number[] = []
    for (const end of [socket, lab.accepted!]) end.on('close', () => closedAt.push(lab.world.now))
    const { now } = lab.world
    lab.network.cut(lab.a, lab.b)
    send(socket, 'lost')
    send(lab.accepted!, 'lost')
    await lab.pass(GIVE_UP_MS - 1)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], []])
    await lab.pass(GIVE_UP_MS + 1)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['close']])
    const [first, second] = closedAt as [number, number]
    assert.ok(first > now + GIVE_UP_MS && second > first + 1, `${first - now} and ${second - now} ms`)
  })

  it('goes on when the way is back before that, and has all its time at the next cut', async () => {
    const lab = await start()
    const socket = await lab.open()
    for (const text of ['first', 'second']) {
      lab.network.cut(lab.a, lab.b)
      send(socket, text)
      await lab.pass(GIVE_UP_MS - 100)
      lab.network.healAll()
      await lab.pass(GIVE_UP_MS)
    }
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], ['first', 'second']])
  })

  it('leaves the other end as it is, until that sends something', async () => {
    const lab = await start()
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b)
    send(socket, 'lost')
    await lab.pass(5000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], []])
    lab.network.healAll()
    await lab.pass(5000)
    assert.deepEqual(lab.seenByB, [])
    send(lab.accepted!, 'to nobody')
    await lab.pass(10)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['close']])
  })

  it('gives up what has arrived, too, when no confirmation comes', async () => {
    const lab = await start()
    const socket = await lab.open()
    lab.network.cut(lab.b, lab.a, { oneWay: true })
    send(socket, 'arrives')
    await lab.pass(5000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['arrives']])
  })

  it('has what was on its way when the way was cut', async () => {
    const lab = await start()
    const socket = await lab.open()
    send(socket, 'lost')
    lab.network.cut(lab.a, lab.b)
    await lab.pass(5000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], []])
  })

  it('tells a process that stood still meanwhile, behind what came before', async () => {
    const lab = await start()
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b, { oneWay: true })
    send(socket, 'lost')
    lab.a.stop()
    send(lab.accepted!, 'before')
    await lab.pass(10)
    lab.network.cut(lab.a, lab.b)
    await lab.pass(5000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], ['close']])
    lab.a.goOn()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['before', 'close'])
  })

  it('forgets a connection that it has told of at both ends', async () => {
    const lab = await start()
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b)
    send(socket, 'lost')
    send(lab.accepted!, 'lost')
    await lab.pass(5000)
    assert.deepEqual(lab.network.socketsBetween(lab.a, lab.b), [])
    assert.equal(lab.a.sockets.size + lab.b.sockets.size, 0)
  })
})
