import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarize } from './summarize.js'
import { NONE } from './types.js'

test('a dry run counts moves, swaps, copies, and slots by server', () => {
  const current = { primary: Uint16Array.of(0, 0, 0, NONE), backup: Uint16Array.of(1, 1, NONE, NONE) }
  const wanted = { primary: Uint16Array.of(0, 1, 0, 3), backup: Uint16Array.of(1, 3, 1, 1) }
  assert.deepEqual(summarize(current, wanted, 'restore'), {
    primaryMoves: 2, // slot 1 swaps, slot 3 is lost and starts empty
    backupMoves: 3, // slots 1, 2, 3
    swaps: 1,
    copies: 2, // slots 1 and 2: there is nothing to copy in slot 3
    perServer: [
      { index: 0, primariesBefore: 3, primariesAfter: 2, backupsBefore: 0, backupsAfter: 0 },
      { index: 1, primariesBefore: 0, primariesAfter: 1, backupsBefore: 2, backupsAfter: 3 },
      { index: 3, primariesBefore: 0, primariesAfter: 1, backupsBefore: 0, backupsAfter: 1 },
    ],
  })
})

test('nothing to do is nothing', () => {
  const columns = { primary: Uint16Array.of(2), backup: Uint16Array.of(NONE) }
  const { primaryMoves, backupMoves, swaps, copies } = summarize(columns, columns, 'grow')
  assert.deepEqual(
    { primaryMoves, backupMoves, swaps, copies },
    { primaryMoves: 0, backupMoves: 0, swaps: 0, copies: 0 },
  )
})
