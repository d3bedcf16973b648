import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Lab, send } from './lab.js'
import { Network } from './network.js'
import { VirtualProcess } from './process.js'
import { CALM } from './weather.js'
import { World } from './world.js'

describe('a virtual process', () => {
  const lone = (rate = 1, offsetMs = 0) => {
    const world = new World(1)
    const network = new Network(world, CALM)
    return { world, process: new VirtualProcess(network, { name: 'p', machine: 'm', rate, offsetMs }) }
  }

  it('has a clock of its own', async () => {
    const { world, process } = lone(1.03, 500)
    const { runtime } = process
    let firedAt = 0
    runtime.setTimeout(() => (firedAt = world.now), 1030)
    await world.run(2000)
    assert.ok(Math.abs(runtime.now() - 2560) < 1e-6)
    assert.ok(Math.abs(firedAt - 1000) < 1e-6)
    assert.equal(runtime.wallTimeMs(), Date.UTC(2026, 0, 1) + 2000)
  })

  it('has a time of day that is set without a change of its clock', () => {
    const world = new World(1)
    const network = new Network(world, CALM)
    const process = new VirtualProcess(network, { name: 'p', machine: 'm', wallOffsetMs: -5000 })
    const { runtime } = process
    const now = runtime.now()
    assert.equal(runtime.wallTimeMs(), Date.UTC(2026, 0, 1) - 5000)
    process.wallOffsetMs += 7000
    assert.equal(runtime.wallTimeMs(), Date.UTC(2026, 0, 1) + 2000)
    assert.equal(runtime.now(), now)
  })

  it('has timers that are cleared, started anew, and come again', async () => {
    const { world, process } = lone()
    const { runtime } = process
    const seen: string[] = []
    const note = (text: string) => () => void seen.push(`${text} ${world.now}`)
    const cleared = runtime.setTimeout(note('cleared'), 10)
    runtime.clear(cleared)
    runtime.clear(undefined)
    const refreshed = runtime.setTimeout(note('refreshed'), 10)
    const interval = runtime.setInterval(note('interval'), 20)
    runtime.setTimeout(() => refreshed.refresh(), 5)
    runtime.setTimeout(() => refreshed.refresh(), 25)
    runtime.setTimeout(() => runtime.clear(interval), 45)
    await world.run(100)
    assert.deepEqual(seen, ['refreshed 15', 'interval 20', 'refreshed 35', 'interval 40'])
  })

  it('has its immediates after all that comes at the same instant', async () => {
    const { world, process } = lone()
    const seen: string[] = []
    const { runtime } = process
    runtime.setTimeout(() => {
      runtime.setImmediate(() => seen.push('immediate'))
      process.soon('test', () => seen.push('socket'))
    }, 1)
    runtime.setTimeout(() => seen.push('timer'), 1)
    await world.run(1)
    assert.deepEqual(seen, ['timer', 'socket', 'immediate'])
  })

  it('runs each overdue timer once when it goes on, and then what its sockets brought', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    const { runtime } = lab.b
    runtime.setInterval(() => lab.seenByB.push('interval'), 100)
    runtime.setTimeout(() => lab.seenByB.push('timer'), 50)
    lab.b.stop()
    send(socket, 'message')
    lab.b.turn('test', () => lab.seenByB.push('turn'))
    await lab.pass(1000)
    assert.deepEqual(lab.seenByB, [])
    lab.b.goOn()
    await lab.pass(0)
    assert.deepEqual(lab.seenByB, ['timer', 'interval', 'message', 'turn'])
    await lab.pass(100)
    assert.deepEqual(lab.seenByB.slice(4), ['interval'])
  })

  it('may stand still together with its clock', async () => {
    const { world, process } = lone()
    let firedAt = 0
    process.runtime.setTimeout(() => (firedAt = world.now), 100)
    await world.run(50)
    process.stop(true)
    await world.run(1000)
    assert.equal(process.now(), 50)
    process.goOn()
    await world.run(2000)
    assert.equal(firedAt, 1050)
    assert.equal(process.now(), 1050)
  })

  it('is connected to by its kernel while it is stopped, and answers when it goes on', async () => {
    const lab = await Lab.start()
    lab.b.stop()
    lab.connect()
    await lab.pass(60_000)
    assert.deepEqual(lab.seenByA, [])
    lab.b.goOn()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['open'])
  })

  it('reads what several sockets brought while it was stopped, each in its order', async () => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 20; seed++) {
      const lab = await Lab.start({ seed, weather: { joinChance: 0 } })
      const x = await lab.open()
      const y = await lab.open()
      lab.b.stop()
      for (let i = 0; i < 3; i++) {
        send(x, `x${i}`)
        await lab.pass(10)
        send(y, `y${i}`)
        await lab.pass(10)
      }
      lab.b.goOn()
      await lab.pass(10)
      const order = lab.seenByB.join(' ')
      assert.match(order, /x0.*x1.*x2/)
      assert.match(order, /y0.*y1.*y2/)
      orders.add(order)
    }
    assert.ok(orders.size > 1)
  })

  it('takes nothing more from its streams while it is stopped', async () => {
    const lab = await Lab.start({ weather: { windowBytes: 65_536 } })
    const socket = await lab.open()
    lab.accepted!.pause()
    for (let i = 0; i < 4; i++) send(socket, 40_000)
    await lab.pass(10)
    lab.a.stop()
    lab.accepted!.resume()
    await lab.pass(1000)
    assert.equal(lab.seenByB.length, 1)
    lab.a.goOn()
    await lab.pass(1000)
    assert.equal(lab.seenByB.length, 4)
  })

  it('dies: its sockets are closed after what it had sent, its port refuses, nothing of it runs', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    send(lab.accepted!, 'last')
    lab.b.runtime.setTimeout(() => assert.fail('it ran'), 5)
    lab.b.runtime.setImmediate(() => assert.fail('it ran'))
    lab.b.kill()
    send(socket, 'too late')
    lab.connect()
    await lab.pass(100)
    assert.deepEqual(lab.seenByA, ['last', 'close', 'error ECONNREFUSED', 'close'])
    assert.deepEqual(lab.seenByB, [])
    assert.ok(!lab.b.isAlive)
  })

  it('dies with something unread: the other end is told by a reset', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.accepted!.pause()
    send(socket, 'unread')
    await lab.pass(10)
    lab.b.kill()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['close'])
  })

  const sendsMidTurn = async (lab: Lab): Promise<void> => {
    await lab.open()
    lab.b.runtime.setTimeout(() => {
      for (const text of ['1', '2', '3']) send(lab.accepted!, text)
      void Promise.resolve().then(() => send(lab.accepted!, '4'))
      lab.b.runtime.setTimeout(() => lab.seenByB.push('timer'), 1)
      lab.b.runtime.setImmediate(() => lab.seenByB.push('immediate'))
    }, 10)
  }

  it('is stopped in the middle of a turn: what that sends from then on waits', async () => {
    for (let sends = 0; sends <= 6; sends++) {
      const lab = await Lab.start()
      await sendsMidTurn(lab)
      lab.b.stopMidTurn(sends)
      await lab.pass(1000)
      assert.ok(lab.b.isStopped)
      assert.deepEqual(lab.seenByA, ['1', '2', '3', '4'].slice(0, sends))
      assert.deepEqual(lab.seenByB, [])
      lab.b.goOn()
      await lab.pass(10)
      assert.deepEqual(lab.seenByA, ['1', '2', '3', '4'])
      assert.deepEqual(lab.seenByB, ['timer', 'immediate'])
    }
  })

  it('is killed in the middle of a turn: what that sends from then on is lost', async () => {
    for (let sends = 0; sends <= 6; sends++) {
      const lab = await Lab.start()
      await sendsMidTurn(lab)
      lab.b.killMidTurn(sends)
      await lab.pass(1000)
      assert.ok(!lab.b.isAlive)
      assert.deepEqual(lab.seenByA, [...['1', '2', '3', '4'].slice(0, sends), 'close'])
      assert.deepEqual(lab.seenByB, [])
    }
  })

  it('is not killed in the middle of a turn where that may not be at that moment', async () => {
    const lab = await Lab.start()
    await sendsMidTurn(lab)
    let asked = 0
    lab.b.killMidTurn(2, () => asked++ > 0)
    await lab.pass(1000)
    assert.equal(asked, 1)
    assert.ok(lab.b.isAlive)
    assert.deepEqual(lab.seenByA, ['1', '2', '3', '4'])
    assert.deepEqual(lab.seenByB, ['immediate', 'timer'])
  })

  it('connects and closes when it goes on, if it was stopped before that in the same turn', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.a.runtime.setTimeout(() => {
      send(socket, 'held')
      lab.connect()
      socket.close()
    }, 1)
    lab.a.stopMidTurn(0)
    await lab.pass(1000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], []])
    lab.a.goOn()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['close', 'open'])
    assert.deepEqual(lab.seenByB, ['held', 'close'])
  })
})

describe('a virtual process that is stopped in the middle of a turn', () => {
  it('has sent what it sent before it terminates', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.a.runtime.setTimeout(() => {
      send(socket, 'held')
      socket.terminate()
    }, 1)
    lab.a.stopMidTurn(0)
    await lab.pass(1000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], []])
    lab.a.goOn()
    await lab.pass(10)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['held', 'close']])
  })

  it('agrees to a close when it goes on', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.accepted!.on('message', () => lab.b.stop())
    send(socket, 'stop')
    socket.close()
    await lab.pass(1000)
    assert.deepEqual([lab.seenByA, lab.seenByB], [[], ['stop']])
    lab.b.goOn()
    await lab.pass(10)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['stop', 'close']])
  })
})
