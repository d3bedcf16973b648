import { connect } from '@icf/client'
import { readFileSync } from 'node:fs'
import { IcfProcesses } from './icf-processes.js'

/**
 * Writes three times --max-memory to a cluster of one or two servers and prints the most that a server's process
 * ever took: `npm run bench:memory`. Linux only: it reads /proc.
 */
const MIB = 1024 * 1024

/** What a server charges an entry with a short value beside it, about. */
const ENTRY_BYTES = 100

interface Case {
  readonly maxMemoryMib: number
  readonly valueBytes: number
  readonly kind: 'text' | 'bytes'
  readonly servers: 1 | 2
}

const cases: readonly Case[] = [
  { maxMemoryMib: 128, valueBytes: 100, kind: 'text', servers: 1 },
  { maxMemoryMib: 256, valueBytes: 100, kind: 'text', servers: 1 },
  { maxMemoryMib: 256, valueBytes: 100, kind: 'text', servers: 2 },
  { maxMemoryMib: 256, valueBytes: 1000, kind: 'bytes', servers: 1 },
  { maxMemoryMib: 256, valueBytes: 100_000, kind: 'bytes', servers: 2 },
  { maxMemoryMib: 1024, valueBytes: 1000, kind: 'bytes', servers: 1 },
]

console.log('| --max-memory | servers | values | most resident memory | of --max-memory |')
console.log('|---|---|---|---|---|')
for (const one of cases) {
  const peakMib = await measure(one)
  const { maxMemoryMib, valueBytes, kind, servers } = one
  const share = Math.round((100 * peakMib) / maxMemoryMib)
  console.log(
    `| ${maxMemoryMib} MiB | ${servers} | ${valueBytes} B ${kind} | ${Math.round(peakMib)} MiB | ${share} % |`,
  )
}

async function measure({ maxMemoryMib, valueBytes, kind, servers }: Case): Promise<number> {
  const cluster = await IcfProcesses.start({ servers, serverOptions: ['--max-memory', `${maxMemoryMib}mb`] })
  const cache = await connect({ masters: cluster.masters, timeoutMs: 30_000, connectTimeoutMs: 30_000 })
  await cluster.settled()
  const count = Math.ceil((3 * maxMemoryMib * MIB) / (valueBytes + ENTRY_BYTES))
  let peak = 0
  for (let at = 0; at < count; at += 512) {
    const writes: Promise<void>[] = []
    for (let i = at; i < Math.min(at + 512, count); i++)
      writes.push(cache.set(keyOf(i), valueOf(i, valueBytes, kind)))
    await Promise.all(writes)
    for (const child of cluster.servers) peak = Math.max(peak, residentMib(child.pid!))
  }
  await cache.close()
  await cluster.end()
  return peak
}

function keyOf(i: number): string {
  return `key:${String(i).padStart(19, '0')}`
}

function valueOf(i: number, bytes: number, kind: Case['kind']): string | Uint8Array {
  return kind === 'text' ? String(i).padEnd(bytes, 'x') : Buffer.alloc(bytes, i & 255)
}

function residentMib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
