import { createServer } from 'node:net'

/** Below the range from which systems take the ports of outgoing connections, so that none appears on ours meanwhile. */
const LOWEST = 10_000
const HIGHEST = 30_000

/**
 * A base port for which all of base + offset are free, by trying to listen on each.
 * @throws Error when 100 random bases were not
 */
export async function freeBasePort(offsets: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const base = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    const free = await Promise.all(offsets.map((offset) => isFree(base + offset)))
    if (free.every(Boolean)) return base
  }
  throw new Error('found no free ports')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
