import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { TestContext } from 'node:test'

interface Key {
  readonly value: string
  readonly lease: string | undefined
  readonly modRevision: number
}

interface Watcher {
  readonly from: string
  readonly end: string
  readonly response: ServerResponse
}

type Body = Record<string, any> // eslint-disable-line

/** What of etcd's JSON gateway icf uses, in memory, as etcd 3.4 answers it. Leases end when a test says so. */
export class FakeEtcd {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #watchers = new Set<Watcher>()
  readonly #leases = new Set<string>()
  #keys = new Map<string, Key>()
  #revision = 1
  #nextLease = 1
  #late: { readonly key: string; readonly held: (body: Body) => void } | undefined
  /** Calls wait for an answer that never comes. */
  isSilent = false
  /** Whether transactions are carried out without an answer. */
  isMute = false
  /** Whether it has no space left: what is written is refused. */
  isFull = false
  /** Of each call, its path. */
  readonly calls: string[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  static async start(t: TestContext): Promise<FakeEtcd> {
    const etcd = new FakeEtcd()
    await new Promise<void>((resolve) => etcd.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => etcd.#stop())
    return etcd
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  value(key: string): string | undefined {
    return this.#keys.get(key)?.value
  }

  /** As an operator would. */
  put(key: string, value: string): void {
    this.#change([{ request_put: { key: encode(key), value: encode(value) } }])
  }

  /** The lease to which that key is bound ends. */
  expire(key: string): void {
    const lease = this.#keys.get(key)?.lease
    if (lease !== undefined) this.#revoke(lease)
  }

  /**
   * The next transaction that puts that key gets stuck on its way, and its connection breaks.
   * Resolves then, with what has it carried out after all.
   */
  async delay(key: string): Promise<() => void> {
    const body = await new Promise<Body>((held) => (this.#late = { key, held }))
    this.breakConnections()
    return () => void this.#answer('/v3/kv/txn', body)
  }

  /** Its members lose each connection, as when they are started again. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** Returns what puts everything back as it is now. Leases that are over by then stay so. */
  snapshot(): () => void {
    const [keys, revision] = [new Map(this.#keys), this.#revision]
    return () => {
      this.#keys = keys
      this.#revision = revision
      this.breakConnections()
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const path = request.url!
    this.calls.push(path)
    if (this.isSilent) return
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Body
    if (path === '/v3/watch') return this.#watch(body.create_request as Body, response)
    if (this.#late && path === '/v3/kv/txn' && puts(body, this.#late.key)) {
      this.#late.held(body)
      this.#late = undefined
      return
    }
    if (this.isFull && path !== '/v3/kv/range') {
      response.statusCode = 500
      response.end(JSON.stringify({ error: 'etcdserver: mvcc: database space exceeded', code: 8 }))
      return
    }
    const answer = this.#answer(path, body)
    if (path === '/v3/kv/txn' && this.isMute) return
    response.end(JSON.stringify({ header: { revision: String(this.#revision) }, ...answer }))
  }

  #answer(path: string, body: Body): object {
    switch (path) {
      case '/v3/kv/range':
        return { kvs: this.#range(decode(body.key), body.range_end && decode(body.range_end)) }
      case '/v3/kv/txn': {
        const isHeld = (body.compare as Body[]).every((condition) => this.#holds(condition))
        if (isHeld) this.#change(body.success as Body[])
        return isHeld ? { succeeded: true } : {}
      }
      case '/v3/lease/grant': {
        const id = String(this.#nextLease++)
        this.#leases.add(id)
        return { ID: id, TTL: '2' }
      }
      case '/v3/lease/keepalive':
        return { result: this.#leases.has(body.ID) ? { ID: body.ID, TTL: '2' } : { ID: body.ID } }
      case '/v3/lease/revoke':
        this.#revoke(String(body.ID))
        return {}
      default:
        throw new Error(`no such call: ${path}`)
    }
  }

  #range(from: string, end: string | undefined): object[] {
    const isIn = (key: string): boolean => (end === undefined ? key === from : key >= from && key < end)
    return [...this.#keys]
      .filter(([key]) => isIn(key))
      .map(([key, { value, modRevision }]) => ({
        key: encode(key),
        value: encode(value),
        mod_revision: String(modRevision),
      }))
  }

  #holds({ key, target, value, mod_revision }: Body): boolean {
    const present = this.#keys.get(decode(key))
    if (target === 'VALUE') return present?.value === decode(value)
    return String(present?.modRevision ?? 0) === mod_revision
  }

  #change(changes: readonly Body[]): void {
    this.#revision++
    for (const { request_put: put, request_delete_range: remove } of changes) {
      const key = decode((put ?? remove).key)
      if (put)
        this.#keys.set(key, { value: decode(put.value), lease: put.lease, modRevision: this.#revision })
      else this.#keys.delete(key)
      this.#tell(key)
    }
  }

  #revoke(lease: string): void {
    this.#leases.delete(lease)
    for (const [key, { lease: of }] of this.#keys)
      if (of === lease) this.#change([{ request_delete_range: { key: encode(key) } }])
  }

  #watch({ key, range_end }: Body, response: ServerResponse): void {
    const watcher = { from: decode(key), end: decode(range_end), response }
    this.#watchers.add(watcher)
    response.once('close', () => this.#watchers.delete(watcher))
    response.write(`${JSON.stringify({ result: { created: true } })}\n`)
  }

  #tell(key: string): void {
    const line = `${JSON.stringify({ result: { events: [{ kv: { key: encode(key) } }] } })}\n`
    for (const { from, end, response } of this.#watchers) if (key >= from && key < end) response.write(line)
  }

  async #stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.breakConnections()
    await closed
  }
}

function puts(transaction: Body, key: string): boolean {
  return (transaction.success as Body[]).some(
    ({ request_put: put }) => put !== undefined && decode(put.key) === key,
  )
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(base64: unknown): string {
  return Buffer.from(String(base64), 'base64').toString()
}
