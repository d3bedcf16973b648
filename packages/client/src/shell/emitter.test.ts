import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Emitter } from './emitter.js'

function newEmitter() {
  const emitter = new Emitter<{ said: string }>()
  const heard: string[] = []
  return { emitter, heard, listener: (text: string) => void heard.push(text) }
}

test('off removes what on added, and what once added', () => {
  const { emitter, heard, listener } = newEmitter()
  emitter.on('said', listener).off('said', listener).emit('said', 'a')
  emitter.once('said', listener).off('said', listener).emit('said', 'b')
  assert.deepEqual(heard, [])
})

test('off removes one of several that are the same', () => {
  const { emitter, heard, listener } = newEmitter()
  emitter.once('said', listener).once('said', listener).off('said', listener).emit('said', 'a')
  assert.deepEqual(heard, ['a'])
})

test('once hears only the first, also when a listener emits', () => {
  const { emitter, heard, listener } = newEmitter()
  emitter.once('said', () => emitter.emit('said', 'inner')).once('said', listener)
  emitter.emit('said', 'outer')
  emitter.emit('said', 'later')
  assert.deepEqual(heard, ['inner'])
})
