import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LinearizableKey, type Operation, type Result } from './linearizable.js'
import { Violation } from './violation.js'

const set = (value: string): Operation => ({ kind: 'set', value })
const get: Operation = { kind: 'get' }
const remove: Operation = { kind: 'delete' }

class Log {
  readonly key: LinearizableKey

  constructor(mayVanish = false) {
    this.key = new LinearizableKey('k', mayVanish)
  }

  /** Begins and ends with nothing between. */
  do(operation: Operation, result?: Result): void {
    this.key.end(this.key.begin(operation), result)
  }

  refuses(call: number, result: Result): void {
    assert.throws(() => this.key.end(call, result), Violation)
  }
}

describe('a key is linearizable', () => {
  it('when each read shows the last write', () => {
    const log = new Log()
    log.do(get, undefined)
    log.do(set('a'))
    log.do(get, 'a')
    log.do(remove, true)
    log.do(remove, false)
    log.do({ kind: 'has' }, false)
  })

  it('when a read shows a write that is under way, and later ones do, too', () => {
    const log = new Log()
    log.do(set('a'))
    const write = log.key.begin(set('b'))
    log.do(get, 'a')
    log.do(get, 'b')
    log.refuses(log.key.begin(get), 'a')
    log.key.end(write, undefined)
  })

  it('when a read shows what was overwritten after it began', () => {
    const log = new Log()
    log.do(set('a'))
    const read = log.key.begin(get)
    log.do(set('b'))
    log.do(set('c'))
    log.key.end(read, 'a')
    log.do(get, 'c')
  })

  it('not when two reads that overlap see writes in different orders', () => {
    const log = new Log()
    const [first, second] = [log.key.begin(set('a')), log.key.begin(set('b'))]
    const read = log.key.begin(get)
    log.do(get, 'a')
    log.do(get, 'b')
    log.key.end(first, undefined)
    log.key.end(second, undefined)
    log.do(get, 'b')
    log.key.end(read, 'a')
    log.refuses(log.key.begin(get), 'a')
  })

  it('not when a read shows what was overwritten before it began', () => {
    const log = new Log()
    log.do(set('a'))
    log.do(set('b'))
    log.refuses(log.key.begin(get), 'a')
  })

  it('not when a deleted value comes back', () => {
    const log = new Log()
    log.do(set('a'))
    log.do(remove, true)
    log.refuses(log.key.begin(get), 'a')
  })

  it('not when an acknowledged value is missed', () => {
    const log = new Log()
    log.do(set('a'))
    log.refuses(log.key.begin(get), undefined)
  })

  it('not when a write is carried out twice', () => {
    const log = new Log()
    const first = log.key.begin(set('a'))
    log.do(get, 'a')
    log.do(set('b'))
    log.do(get, 'b')
    log.refuses(log.key.begin(get), 'a')
    log.key.end(first, undefined)
  })

  it('not when a delete that was carried out says that it found nothing', () => {
    const log = new Log()
    log.do(set('a'))
    const call = log.key.begin(remove)
    log.do(get, undefined)
    log.refuses(call, false)
  })

  it('whichever of two writes at once was the last', () => {
    for (const last of ['a', 'b']) {
      const log = new Log()
      const [a, b] = [log.key.begin(set('a')), log.key.begin(set('b'))]
      log.key.end(a, undefined)
      log.key.end(b, undefined)
      log.do(get, last)
      log.refuses(log.key.begin(get), last === 'a' ? 'b' : 'a')
    }
  })

  it('whether or not an abandoned write happens, and whenever, but once', () => {
    const log = new Log()
    log.key.abandon(log.key.begin(set('lost')))
    log.do(set('a'))
    log.do(get, 'a')
    log.do(get, 'lost')
    log.do(set('b'))
    log.refuses(log.key.begin(get), 'lost')
  })

  it('not when a write that was said not to have happened was seen', () => {
    const log = new Log()
    const write = log.key.begin(set('a'))
    log.do(get, 'a')
    assert.throws(() => log.key.cancel(write), Violation)
  })

  it('when a key that may be evicted vanishes, and not when it comes back', () => {
    const log = new Log(true)
    log.do(set('a'))
    log.do(get, 'a')
    log.do(remove, false)
    log.refuses(log.key.begin(get), 'a')
  })
})
