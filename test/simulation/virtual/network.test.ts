import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IcfError } from '@icf/common'
import { Lab, send } from './lab.js'
import { VirtualProcess } from './process.js'

const KIB = 1024

describe('the virtual network', () => {
  it('lets packets vanish both ways, and sends them again when the way is back', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.network.cut(lab.a, 'mb')
    send(socket, 'to b')
    send(lab.accepted!, 'to a')
    await lab.pass(5000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], []])
    lab.network.heal(lab.a, 'mb')
    send(socket, 'behind it')
    await lab.pass(2010)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['to a'], ['to b', 'behind it']])
  })

  it('tells of each frame who sent it to whom, when it is read', async () => {
    const lab = await Lab.start()
    const heard: string[] = []
    lab.network.heard = (from, to, frame) => heard.push(`${from.name} → ${to.name}: ${frame.toString()}`)
    const socket = await lab.open()
    send(socket, 'question')
    send(lab.accepted!, 'answer')
    assert.deepEqual(heard, [])
    await lab.pass(10)
    assert.deepEqual(new Set(heard), new Set(['a → b: question', 'b → a: answer']))
    assert.deepEqual([lab.seenByA, lab.seenByB], [['answer'], ['question']])
  })

  it('goes on soon after a short cut', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.network.cut('ma', 'mb')
    send(socket, 'late')
    await lab.pass(50)
    lab.network.healAll()
    await lab.pass(60)
    assert.deepEqual(lab.seenByB, ['late'])
  })

  it('is slow one way: what follows does not overtake what came late', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.network.delay(lab.a, lab.b, 1000)
    send(socket, 'late')
    send(lab.accepted!, 'soon')
    await lab.pass(500)
    lab.network.delay(lab.a, lab.b, 0)
    send(socket, 'behind it')
    await lab.pass(400)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['soon'], []])
    await lab.pass(200)
    assert.deepEqual(lab.seenByB, ['late', 'behind it'])
  })

  it('holds up what one end of a connection sends, and nothing else', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    const other = await lab.open()
    const accepted = lab.accepted!
    lab.network.holdUp(socket, 1000)
    send(socket, 'late')
    send(other, 'soon')
    send(accepted, 'soon')
    await lab.pass(900)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['soon'], ['soon']])
    await lab.pass(200)
    assert.deepEqual(lab.seenByB, ['soon', 'late'])
  })

  it('is slow on connections that are opened meanwhile', async () => {
    const lab = await Lab.start()
    lab.network.delay(lab.b, lab.a, 1000)
    lab.connect()
    await lab.pass(900)
    assert.deepEqual(lab.seenByA, [])
    await lab.pass(200)
    assert.deepEqual(lab.seenByA, ['open'])
  })

  it('cuts one way: what is sent the other way arrives, and is not confirmed', async () => {
    const lab = await Lab.start({ weather: { windowBytes: 64 * KIB } })
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b, { oneWay: true })
    send(socket, 'lost')
    for (let i = 0; i < 20; i++) send(lab.accepted!, 10 * KIB)
    await lab.pass(1000)
    assert.equal(lab.seenByA.length, 6)
    assert.ok(lab.accepted!.bufferedAmount >= 130 * KIB)
    assert.deepEqual(lab.seenByB, [])
    lab.network.heal(lab.a, lab.b)
    await lab.pass(2000)
    assert.equal(lab.seenByA.length, 20)
    assert.deepEqual(lab.seenByB, ['lost'])
  })

  it('lets connecting take until the way is back, or 20 seconds', async () => {
    for (const oneWay of [false, true]) {
      const lab = await Lab.start()
      lab.network.cut(lab.b, lab.a, { oneWay })
      lab.connect()
      await lab.pass(2500)
      assert.deepEqual(lab.seenByA, [])
      lab.network.heal(lab.a, lab.b)
      await lab.pass(1000)
      assert.deepEqual(lab.seenByA.splice(0), ['open'])
      lab.network.cut(lab.b, lab.a, { oneWay })
      lab.connect()
      await lab.pass(19_000)
      assert.deepEqual(lab.seenByA, [])
      await lab.pass(1100)
      assert.deepEqual(lab.seenByA, ['error ETIMEDOUT', 'close'])
    }
  })

  it('cuts groups off from each other, and leaves the rest alone', async () => {
    const lab = await Lab.start()
    const c = new VirtualProcess(lab.network, { name: 'c', machine: 'mc' })
    lab.network.partition(['ma'], [lab.b, 'elsewhere'])
    assert.ok(lab.network.isCut(lab.a, lab.b) && lab.network.isCut(lab.b, lab.a))
    assert.ok(!lab.network.isCut(c, lab.b) && !lab.network.isCut(lab.a, c))
    const seen: string[] = []
    lab.connect(c, seen)
    await lab.pass(10)
    assert.deepEqual(seen, ['open'])
  })

  it('tells of a peer that died behind a cut only who sends something after it', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b)
    await lab.pass(10)
    lab.b.kill()
    await lab.pass(5000)
    lab.network.healAll()
    await lab.pass(60_000)
    assert.deepEqual(lab.seenByA, [])
    send(socket, 'anyone there?')
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['close'])
  })

  it('tells of that also by what was sent during the cut', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.network.cut(lab.a, lab.b)
    send(socket, 'anyone there?')
    lab.b.kill()
    await lab.pass(5000)
    lab.network.healAll()
    await lab.pass(2010)
    assert.deepEqual(lab.seenByA, ['close'])
  })

  it('may bring what a dead process had sent into a cut', async () => {
    const lab = await Lab.start({ weather: { orphanChance: 1 } })
    await lab.open()
    lab.network.cut(lab.a, lab.b)
    send(lab.accepted!, 'from the dead')
    lab.b.kill()
    await lab.pass(5000)
    lab.network.healAll()
    await lab.pass(2010)
    assert.deepEqual(lab.seenByA, ['from the dead', 'close'])
  })

  it('tells nobody that a machine lost its power; one that comes back knows of no connection', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    send(lab.accepted!, 'on its way')
    lab.network.machineDown('mb')
    await lab.pass(5000)
    assert.deepEqual(lab.seenByA, [])
    assert.ok(!lab.b.isAlive)
    send(socket, 'anyone there?')
    const seen: string[] = []
    lab.connect(lab.a, seen)
    await lab.pass(500)
    assert.deepEqual([lab.seenByA, seen], [[], []])
    const again = new VirtualProcess(lab.network, { name: 'b2', machine: 'mb' })
    await lab.listen(again)
    await lab.pass(2010)
    assert.deepEqual([lab.seenByA, seen], [['close'], ['open']])
  })

  it('resets a connection: both ends lose what was on its way', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    send(socket, 'lost')
    assert.deepEqual(lab.network.socketsBetween(lab.a, lab.b), [socket])
    lab.network.reset(socket)
    await lab.pass(10)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['close']])
    assert.deepEqual(lab.network.socketsBetween(lab.a, lab.b), [])
  })

  it('keeps the order of frames when some are lost or late', async () => {
    const lab = await Lab.start({ weather: { lossChance: 0.1, spikeChance: 0.1, maxSpikeMs: 50 } })
    const socket = await lab.open()
    await lab.pass(5000)
    for (let i = 0; i < 200; i++) lab.world.after(i, () => send(socket, `${i}`))
    await lab.pass(60_000)
    assert.deepEqual(
      lab.seenByB,
      Array.from({ length: 200 }, (_, i) => `${i}`),
    )
  })

  it('refuses a port that is taken, and a host that is not its own', async () => {
    const lab = await Lab.start()
    const isRefused = (code: string) => (error: unknown) =>
      error instanceof IcfError &&
      error.code === 'INVALID_ARGUMENT' &&
      (error.cause as NodeJS.ErrnoException).code === code
    const neighbour = new VirtualProcess(lab.network, { name: 'c', machine: 'mb' })
    await assert.rejects(lab.listen(neighbour), isRefused('EADDRINUSE'))
    const listening = neighbour.runtime.listen({ host: 'ma', port: 1 })
    const refused = assert.rejects(listening, isRefused('EADDRNOTAVAIL'))
    await lab.pass(0)
    await refused
    lab.b.kill()
    assert.equal((await lab.listen(neighbour)).address.port, 7000)
  })

  it('gives free ports', async () => {
    const lab = await Lab.start()
    const first = await lab.listen(lab.a, 0)
    const second = await lab.listen(lab.a, 0)
    assert.notEqual(first.address.port, second.address.port)
    assert.ok(first.address.port > 1024)
  })

  it('refuses what is no address', async () => {
    const lab = await Lab.start()
    for (const address of [
      { host: 'a b', port: 1 },
      { host: '', port: 1 },
      { host: 'mb', port: 0 },
      { host: 'mb', port: 65_536 },
      { host: 'mb', port: 1.5 },
    ])
      assert.throws(() => lab.a.runtime.connect(address), { code: 'UNREACHABLE' })
  })
})
