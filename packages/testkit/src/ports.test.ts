import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { describe, it, type TestContext } from 'node:test'
import { freeBasePort, freePort, upOffsets } from './ports.js'

const PROCESSES = 4
/** Several blocks of each: without a holder, two of them would be the same. */
const PORTS = 1500

describe('free ports', () => {
  it('are not given to two processes, nor twice', async (t) => {
    const given = await Promise.all(Array.from({ length: PROCESSES }, () => portsOfAnother(t)))
    const own = await Promise.all(Array.from({ length: PORTS }, () => freePort()))
    const all = [...given.flat(), ...own]
    assert.equal(all.length, (PROCESSES + 1) * PORTS)
    assert.equal(new Set(all).size, all.length)
  })

  it('are for several `icf up`, each with all of its own', async () => {
    const offsets = upOffsets(20, 20)
    const bases = await Promise.all(Array.from({ length: 12 }, () => freeBasePort(offsets)))
    const all = bases.flatMap((base) => offsets.map((offset) => base + offset))
    assert.equal(new Set(all).size, all.length)
  })
})

/** They stay another process's until the test ends. */
async function portsOfAnother(t: TestContext): Promise<number[]> {
  const script = `
    import { freePort } from ${JSON.stringify(new URL('./ports.js', import.meta.url).href)}
    const ports = []
    while (ports.length < ${PORTS}) ports.push(await freePort())
    console.log(JSON.stringify(ports))
    process.stdin.resume()`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill())
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  return JSON.parse(line) as number[]
}
