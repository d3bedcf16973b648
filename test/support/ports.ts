import { createServer } from 'node:net'

/** Below the range from which systems take the ports of outgoing connections: a killed server's port stays free. */
const LOWEST = 10_000
const HIGHEST = 30_000

const given = new Set<number>()

/** A port that nobody listens on and that was not given out before. */
export async function freePort(): Promise<number> {
  return freeBasePort([0])
}

/**
 * A base for which every base + offset is free, found by listening on each.
 * @throws Error when 200 random bases were not
 */
export async function freeBasePort(offsets: readonly number[]): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    const ports = offsets.map((offset) => base + offset)
    if (ports.some((port) => given.has(port))) continue
    if (!(await Promise.all(ports.map(isFree))).every(Boolean)) continue
    for (const port of ports) given.add(port)
    return base
  }
  throw new Error('found no free ports')
}

/** Offsets from the base port of `icf up` for so many servers and masters. */
export function upOffsets(servers: number, masters: number): number[] {
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, n) => from + n)
  return [...range(0, masters), ...range(80, masters), ...range(100, servers), ...range(130, servers)]
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
