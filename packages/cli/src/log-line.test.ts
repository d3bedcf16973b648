import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logLine } from './log-line.js'
import { styleFor } from './style.js'

const plain = styleFor({})

test('a line of JSON becomes a line for people', () => {
  const json = JSON.stringify({
    level: 40,
    time: 0,
    pid: 1,
    name: 'cache',
    id: 'ab',
    slots: [1],
    msg: 'lost the master',
  })
  assert.match(logLine(json, plain), /^\d\d:\d\d:\d\d WARN {2}lost the master {2}id=ab slots=\[1\]\n$/)
})

test('the stack of an error follows', () => {
  const json = JSON.stringify({ level: 50, time: 0, msg: 'no', err: { stack: 'Error: no\n    at x' } })
  assert.match(logLine(json, plain), /ERROR no\nError: no\n {4}at x\n$/)
})

test('what is no JSON stays', () => {
  assert.equal(logLine('plain\n', plain), 'plain\n')
})
