import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { FRAME, type Socket, type SocketServer } from '../runtime.js'
import { ReadingTurns } from './reading-turns.js'
import { connect, listenForSockets } from './sockets.js'

/** Longer than what is read at once: a turn ends with no more than one of them. */
const FRAME_BYTES = 100_000
const FRAMES = 8

describe('sockets that are read in turns', () => {
  /** Passes only where a frame is handled, by more than a turn may take. */
  let nowMs = 0
  let turn = 0
  let server: SocketServer
  let senders: Socket[]

  beforeEach(async () => {
    const turns = new ReadingTurns({
      now: () => nowMs,
      setImmediate: (run) =>
        void setImmediate(() => {
          turn++
          run()
        }),
    })
    server = await listenForSockets({ host: '127.0.0.1', port: 0 }, turns)
    senders = []
  })

  afterEach(() => server.close())

  it('handle one frame in a turn when one takes all of it, and each in its order', async () => {
    const frames = new Frames(3 * FRAMES)
    server.onConnection = (socket) => socket.on('message', (frame) => frames.handle(frame))
    await flood(3)
    await frames.all
    for (const sender of [0, 1, 2])
      assert.deepEqual(
        frames.handled.filter((frame) => frame[0] === sender).map((frame) => frame[1]),
        Array.from({ length: FRAMES }, (_, i) => i),
      )
    assert.equal(new Set(frames.turns).size, 3 * FRAMES)
  })

  it('leave one that was paused meanwhile alone until it is resumed', async () => {
    const frames = new Frames(2 * FRAMES)
    const sockets: Socket[] = []
    let isPaused = false
    server.onConnection = (socket) => {
      sockets.push(socket)
      socket.on('message', (frame) => {
        assert.ok(!isPaused || socket !== sockets[1])
        frames.handle(frame)
        if (frames.handled.length === FRAMES / 2) {
          isPaused = true
          sockets[1]!.pause()
        }
        // All of the other one has come.
        if (isPaused && frames.of(0) === FRAMES) {
          isPaused = false
          sockets[1]!.resume()
        }
      })
    }
    await flood(2)
    await frames.all
  })

  it('bring the others forward when one is closed while it waits', async () => {
    const frames = new Frames(2 * FRAMES)
    const sockets: Socket[] = []
    server.onConnection = (socket) => {
      sockets.push(socket)
      socket.on('message', (frame) => {
        if (frames.handled.length === 0) sockets[2]!.terminate()
        if (frame[0] !== 2) frames.handle(frame)
      })
    }
    await flood(3)
    await frames.all
  })

  /** So many senders, which connect in turn, each send all of their frames at once. */
  async function flood(count: number): Promise<void> {
    for (let number = 0; number < count; number++) {
      const sender = connect(server.address)
      sender.on('error', () => undefined)
      await once(sender as unknown as NodeJS.EventEmitter, 'open')
      senders.push(sender)
    }
    for (const [number, sender] of senders.entries())
      for (let i = 0; i < FRAMES; i++) {
        const frame = Buffer.alloc(FRAME_BYTES)
        frame.set([number, i])
        sender.send(frame, FRAME)
      }
  }

  class Frames {
    readonly handled: Buffer[] = []
    /** In which each was handled. */
    readonly turns: number[] = []
    readonly all: Promise<void>
    #done: () => void = () => undefined

    constructor(private readonly count: number) {
      this.all = new Promise((resolve) => (this.#done = resolve))
    }

    handle(frame: Buffer): void {
      nowMs += 10
      this.handled.push(frame)
      this.turns.push(turn)
      if (this.handled.length === this.count) this.#done()
    }

    of(sender: number): number {
      return this.handled.filter((frame) => frame[0] === sender).length
    }
  }
})
