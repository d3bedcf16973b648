import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SocketState } from '@icf/common'
import { Lab, send } from './lab.js'

const KIB = 1024

describe('a virtual socket', () => {
  it('opens, and brings frames in order both ways', async () => {
    const lab = await Lab.start()
    const socket = lab.connect()
    socket.on('open', () => {
      for (let i = 0; i < 50; i++) send(socket, `to b ${i}`)
    })
    assert.throws(() => send(socket, 'early'), /CONNECTING/)
    await lab.pass(10)
    for (let i = 0; i < 50; i++) send(lab.accepted!, `to a ${i}`)
    await lab.pass(10)
    assert.deepEqual(
      lab.seenByB,
      Array.from({ length: 50 }, (_, i) => `to b ${i}`),
    )
    assert.deepEqual(lab.seenByA, ['open', ...Array.from({ length: 50 }, (_, i) => `to a ${i}`)])
    assert.equal(lab.server.socketCount, 1)
    assert.equal(socket.bufferedAmount, 0)
  })

  it('loses nothing between a listener that was there once and those that follow in its turn', async () => {
    for (let seed = 1; seed <= 20; seed++) {
      const lab = await Lab.start({ seed })
      const socket = await lab.open()
      const seen: string[] = []
      const first = new Promise<void>((resolve) =>
        socket.once('message', () => {
          socket.on('message', (frame) => seen.push(frame.toString()))
          resolve()
        }),
      )
      for (const text of ['1', '2', '3']) send(lab.accepted!, text)
      await lab.pass(10)
      await first
      assert.deepEqual(seen, ['2', '3'])
    }
  })

  it('brings frames that can be read at once in one turn, or each in one of its own', async () => {
    const turnsOf = async (joinChance: number): Promise<boolean> => {
      const lab = await Lab.start({ weather: { joinChance, jitterMs: 0, bytesPerMs: Infinity } })
      const socket = await lab.open()
      let isSettled = false
      let wasSettled = false
      socket.on('message', () => {
        wasSettled = isSettled
        void Promise.resolve().then(() => (isSettled = true))
      })
      send(lab.accepted!, '1')
      send(lab.accepted!, '2')
      await lab.pass(10)
      assert.deepEqual(lab.seenByA, ['1', '2'])
      return wasSettled
    }
    assert.equal(await turnsOf(1), false)
    assert.equal(await turnsOf(0), true)
  })

  it('copies a frame when the kernel takes it', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    const bytes = Buffer.from('before')
    socket.send(bytes, { binary: true, fin: true })
    bytes.write('after!')
    await lab.pass(10)
    assert.deepEqual(lab.seenByB, ['before'])
  })

  it('tells that nothing listens', async () => {
    const lab = await Lab.start()
    lab.b.kill()
    const socket = lab.connect()
    assert.equal(socket.readyState, SocketState.CONNECTING)
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['error ECONNREFUSED', 'close'])
    assert.equal(socket.readyState, SocketState.CLOSED)
  })

  it('tells that a host is unknown', async () => {
    const lab = await Lab.start()
    lab.note(lab.a.runtime.connect({ host: 'nowhere', port: 1 }), lab.seenByA)
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['error ENOTFOUND', 'close'])
  })

  it('can be given up while it connects', async () => {
    const lab = await Lab.start()
    for (const whenMs of [0, 0.1, 0.3, 0.6, 0.8]) {
      lab.seenByA.length = 0
      const socket = lab.connect()
      await lab.pass(whenMs)
      socket.terminate()
      socket.terminate()
      assert.equal(socket.readyState, SocketState.CLOSING)
      await lab.pass(10)
      assert.deepEqual(lab.seenByA, ['error undefined', 'close'])
      assert.equal(lab.server.socketCount, 0)
    }
  })

  it('closes when both ends agree, after what was sent', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.accepted!.on('message', () => send(lab.accepted!, 'answer'))
    send(socket, 'last')
    socket.close()
    assert.equal(socket.readyState, SocketState.CLOSING)
    let wasTold = false
    send(socket, 'too late', () => (wasTold = true))
    assert.equal(socket.bufferedAmount, 'too late'.length)
    await lab.pass(10)
    assert.ok(wasTold)
    assert.deepEqual(lab.seenByB, ['last', 'close'])
    assert.deepEqual(lab.seenByA, ['answer', 'close'])
    assert.equal(socket.readyState, SocketState.CLOSED)
  })

  it('closes by itself when the other end does not agree for 30 seconds', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    lab.b.stop()
    socket.close()
    await lab.pass(29_000)
    assert.deepEqual(lab.seenByA, [])
    await lab.pass(2000)
    assert.deepEqual(lab.seenByA, ['close'])
  })

  it('is terminated: the other end hears of it after what the kernel had taken', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    send(socket, 'last')
    socket.terminate()
    assert.equal(socket.readyState, SocketState.CLOSING)
    assert.deepEqual(lab.seenByA, [])
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['close'])
    assert.deepEqual(lab.seenByB, ['last', 'close'])
  })

  it('still brings what was read together with the frame at which it is terminated', async () => {
    const lab = await Lab.start({ weather: { joinChance: 1, jitterMs: 0, bytesPerMs: Infinity } })
    const socket = await lab.open()
    socket.on('message', () => socket.terminate())
    send(lab.accepted!, '1')
    send(lab.accepted!, '2')
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['1', '2', 'close'])
  })

  it('answers a ping only when the other process runs and reads', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    socket.ping()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA.splice(0), ['pong'])
    lab.b.stop()
    socket.ping()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, [])
    lab.b.goOn()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA.splice(0), ['pong'])
    lab.accepted!.pause()
    socket.ping()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, [])
    lab.accepted!.resume()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['pong'])
  })

  it('holds back a sender whose frames are not read, and goes on when they are', async () => {
    const lab = await Lab.start({ weather: { windowBytes: 64 * KIB } })
    const socket = await lab.open()
    lab.accepted!.pause()
    let sent = 0
    for (let i = 0; i < 20; i++) send(socket, 10 * KIB, () => sent++)
    await lab.pass(100)
    assert.deepEqual(lab.seenByB, [])
    assert.equal(sent, 6)
    assert.ok(
      socket.bufferedAmount >= 136 * KIB && socket.bufferedAmount < 141 * KIB,
      `${socket.bufferedAmount}`,
    )
    lab.accepted!.resume()
    await lab.pass(100)
    assert.equal(lab.seenByB.length, 20)
    assert.equal(sent, 20)
    assert.equal(socket.bufferedAmount, 0)
  })

  it('sends a frame that is longer than the window, in pieces', async () => {
    const lab = await Lab.start({ weather: { windowBytes: 64 * KIB } })
    const socket = await lab.open()
    const bytes = Buffer.alloc(1000 * KIB, 'x')
    socket.send(bytes, { binary: true, fin: true })
    send(socket, 'end')
    assert.ok(socket.bufferedAmount > 1000 * KIB)
    await lab.pass(1000)
    assert.deepEqual(lab.seenByB, [`${bytes.length} bytes`, 'end'])
    assert.equal(socket.bufferedAmount, 0)
  })

  it('tells who waits for room that it never comes', async () => {
    const lab = await Lab.start({ weather: { windowBytes: 64 * KIB } })
    const socket = await lab.open()
    lab.accepted!.pause()
    const seen: string[] = []
    socket.on('close', () => seen.push('close'))
    for (let i = 0; i < 3; i++) send(socket, 60 * KIB, () => seen.push('sent'))
    await lab.pass(100)
    socket.terminate()
    await lab.pass(100)
    assert.deepEqual(seen, ['sent', 'sent', 'sent', 'close'])
    assert.equal(socket.bufferedAmount, 0)
  })

  it('notices a broken connection while it is paused, and shows what it had read', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    socket.pause()
    send(lab.accepted!, 'read ahead')
    await lab.pass(10)
    lab.network.reset(socket)
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['read ahead', 'close'])
    assert.deepEqual(lab.seenByB, ['close'])
  })

  it('does not notice the end of the other while it is paused', async () => {
    const lab = await Lab.start()
    const socket = await lab.open()
    socket.pause()
    send(lab.accepted!, 'unread')
    lab.b.kill()
    await lab.pass(1000)
    assert.deepEqual(lab.seenByA, [])
    socket.resume()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['unread', 'close'])
  })

  it('breaks off connecting when the process dies that was to accept', async () => {
    const lab = await Lab.start()
    lab.b.stop()
    lab.connect()
    await lab.pass(100)
    assert.deepEqual(lab.seenByA, [])
    lab.b.kill()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['error ECONNRESET', 'close'])
  })

  it('is counted by its server until it is closed, and closed by that', async () => {
    const lab = await Lab.start()
    await lab.open()
    let isClosed = false
    void lab.server.close().then(() => (isClosed = true))
    await lab.pass(10)
    assert.ok(isClosed)
    assert.equal(lab.server.socketCount, 0)
    assert.deepEqual([lab.seenByA, lab.seenByB], [['close'], ['close']])
    lab.connect()
    await lab.pass(10)
    assert.deepEqual(lab.seenByA, ['close', 'error ECONNREFUSED', 'close'])
  })
})
