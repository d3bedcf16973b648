import assert from 'node:assert/strict'
import { test } from 'node:test'
import { styleFor } from './style.js'
import { layOutTable } from './table.js'

const columns = [{ title: 'SERVER' }, { title: 'KEYS', align: 'right' }, { title: 'ZONE' }] as const

test('columns line up, numbers at the right, no blanks at the end', () => {
  assert.deepEqual(
    layOutTable(columns, [
      ['127.0.0.1:7100', '5', 'a'],
      ['[::1]:7101', '12,345', ''],
    ]),
    [
      'SERVER            KEYS  ZONE', //
      '127.0.0.1:7100       5  a',
      '[::1]:7101      12,345',
    ],
  )
})

test('an empty table is its titles', () => {
  assert.deepEqual(layOutTable(columns, []), ['SERVER  KEYS  ZONE'])
})

test('colours take no room', () => {
  const { green } = styleFor({ isTTY: true }, {})
  const [, plain] = layOutTable(columns, [['a', '1', 'x']])
  const [, painted] = layOutTable(columns, [[green('a'), '1', 'x']])
  assert.equal(painted!.replace(green('a'), 'a'), plain)
})

test('colours only on a terminal, and not with NO_COLOR', () => {
  assert.equal(styleFor({ isTTY: true }, {}).red('x'), '\x1b[31mx\x1b[39m')
  assert.equal(styleFor({}, {}).red('x'), 'x')
  assert.equal(styleFor({ isTTY: true }, { NO_COLOR: '1' }).red('x'), 'x')
  assert.equal(styleFor({ isTTY: true }, { TERM: 'dumb' }).red('x'), 'x')
})
