import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import type { Address } from '@icf/common/node'

/** Passes on, both ways, at most so many bytes each `intervalMs`: a slow link to `target`. */
export async function slowly(
  { host, port }: Address,
  bytes: number,
  intervalMs: number,
): Promise<{ readonly address: Address; close(): void }> {
  const server = createServer((from) => {
    const to = connect(port, host)
    pass(from, to, bytes, intervalMs)
    pass(to, from, bytes, intervalMs)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const bound = server.address() as AddressInfo
  return { address: { host: '127.0.0.1', port: bound.port }, close: () => void server.close() }
}

function pass(from: Socket, to: Socket, bytes: number, intervalMs: number): void {
  let left = bytes
  const timer = setInterval(() => {
    left = bytes
    from.resume()
  }, intervalMs)
  from.on('data', (data) => {
    to.write(data)
    left -= data.length
    if (left <= 0) from.pause()
  })
  from.on('error', () => undefined)
  from.once('close', () => {
    clearInterval(timer)
    to.destroy()
  })
}
