import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { test } from 'node:test'
import { startServer } from './start.test.kit.js'

const NOBODY = { host: '127.0.0.1', port: 1 }
const MIB = 1024 ** 2
/** Only this. */
const aboutMachine = (warnings: readonly string[]): string[] =>
  warnings.filter((text) => text.includes('this machine'))

test('a server that may take more than the machine has says so, and starts', async () => {
  const warnings: string[] = []
  const server = await startServer([NOBODY], warnings, 2 * totalmem())
  await server.kill()
  const [text, ...others] = aboutMachine(warnings)
  assert.ok(text!.startsWith(`--max-memory is ${Math.floor((2 * totalmem()) / MIB)}mb, and this machine`))
  assert.deepEqual(others, [])
})

test('a server that may not says nothing of it', async () => {
  const warnings: string[] = []
  const server = await startServer([NOBODY], warnings, 128 * MIB)
  await server.kill()
  assert.deepEqual(aboutMachine(warnings), [])
})
