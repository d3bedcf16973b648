import { createServer, type Server } from 'node:net'

/** Below the range from which systems take the ports of outgoing connections: a killed server's port stays free. */
const LOWEST = 10_000
const HIGHEST = 30_000
/** A block holds what one `icf up` wants, see {@link upOffsets}. */
const BLOCK = 250

/** What this process has not given out yet of the blocks that are its own, each with its ports in order. */
const blocks: number[][] = []
let growing: Promise<void> | undefined

/** A port that nobody listens on and that was not given out before, by this test process or another one. */
export async function freePort(): Promise<number> {
  return freeBasePort([0])
}

/**
 * A base for which every base + offset is free, found by listening on each.
 * @param offsets each from 0 to 248
 * @throws RangeError for a larger offset, Error when no block of ports is left
 */
export async function freeBasePort(offsets: readonly number[]): Promise<number> {
  if (offsets.some((offset) => offset > BLOCK - 2)) throw new RangeError(`offsets go up to ${BLOCK - 2}`)
  for (;;) {
    const base = take(offsets)
    if (base === undefined) await (growing ??= addBlock())
    else if ((await Promise.all(offsets.map((offset) => isFree(base + offset)))).every(Boolean)) return base
  }
}

/** Offsets from the base port of `icf up` for so many servers and masters. */
export function upOffsets(servers: number, masters: number): number[] {
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n)
  return [...range(0, masters), ...range(80, masters), ...range(100, servers), ...range(130, servers)]
}

/** Takes the lowest base that has them all; what is taken is never offered again, even if it is not free. */
function take(offsets: readonly number[]): number | undefined {
  for (const block of blocks) {
    const base = block.find((port) => offsets.every((offset) => block.includes(port + offset)))
    if (base === undefined) continue
    for (const offset of offsets) block.splice(block.indexOf(base + offset), 1)
    return base
  }
  return undefined
}

/**
 * Test files run beside each other, each in a process of its own. None may be given what another one is about to use, nor
 * look at a port in the moment in which another one's server wants it. So a process has its ports to itself for as long as
 * it listens on the first of their block, that is, until it ends in whatever way.
 */
async function addBlock(): Promise<void> {
  const count = Math.floor((HIGHEST - LOWEST) / BLOCK)
  const anyOf = Math.floor(Math.random() * count)
  for (let n = 0; n < count; n++) {
    const first = LOWEST + ((anyOf + n) % count) * BLOCK
    const holder = await listen(first)
    if (!holder) continue
    holder.unref()
    blocks.push(Array.from({ length: BLOCK - 1 }, (_, i) => first + 1 + i))
    growing = undefined
    return
  }
  throw new Error('found no free ports: every block is held by another test process')
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port)
  if (!server) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** @returns undefined where another one listens */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}
