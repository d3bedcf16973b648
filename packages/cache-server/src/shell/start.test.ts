import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { MAX_MEMORY_BYTES } from './memory.js'
import { startServer } from './start.test.kit.js'

const NOBODY = { host: '127.0.0.1', port: 1 }
const MIB = 1024 ** 2
/** Only this. */
const aboutMachine = (warnings: readonly string[]): string[] =>
  warnings.filter((text) => text.includes('this machine'))

const skip = totalmem() > MAX_MEMORY_BYTES ? 'this machine has more than one process may take' : false

test('a server that may take more than the machine has says so, and starts', { skip }, async () => {
  const maxMemory = Math.min(2 * totalmem(), MAX_MEMORY_BYTES)
  const warnings: string[] = []
  const server = await startServer([NOBODY], warnings, maxMemory)
  await server.kill()
  const [text, ...others] = aboutMachine(warnings)
  assert.ok(text!.startsWith(`--max-memory is ${Math.floor(maxMemory / MIB)}mb, and this machine`))
  assert.deepEqual(others, [])
})

test('a server that may not says nothing of it', async () => {
  const warnings: string[] = []
  const server = await startServer([NOBODY], warnings, 128 * MIB)
  await server.kill()
  assert.deepEqual(aboutMachine(warnings), [])
})
