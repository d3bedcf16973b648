import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { IcfError } from '@icf/common'
import { formatAddress, type Address } from '@icf/common/node'
import type { Administration } from './admin.js'
import { presentTopology } from './present-topology.js'

export interface HttpPortOptions {
  readonly address: Address
  readonly administration: Administration
  /** Whether it does all that it is there for: as the active one, or as a standby that follows one. */
  isReady(): boolean
  role(): 'active' | 'standby'
  metrics(): string
}

export interface HttpPort {
  readonly address: Address
  close(): Promise<void>
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

const MAX_CONNECTIONS = 1000

/**
 * Health, metrics and the JSON API. Everything is read-only.
 * @throws IcfError INVALID_ARGUMENT when the address can not be bound
 */
export async function listenHttp(options: HttpPortOptions): Promise<HttpPort> {
  const { host, port } = options.address
  const server = createServer((request, response) => send(request, response, answer(request, options)))
  server.maxConnections = MAX_CONNECTIONS
  await bind(server, options.address)
  const bound = server.address() as { port: number }
  return {
    address: { host, port: bound.port || port },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function bind(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(cannotBind(address, cause)))
    server.listen(address.port, address.host, resolve)
  })
}

function cannotBind(address: Address, cause: NodeJS.ErrnoException): IcfError {
  const reason = cause.code === 'EADDRINUSE' ? 'another process listens there' : cause.message
  return new IcfError(
    'INVALID_ARGUMENT',
    `can not serve HTTP on ${formatAddress(address)}: ${reason}: choose another port with --http-port, or 0 for none`,
    { cause },
  )
}

function answer(request: IncomingMessage, options: HttpPortOptions): Answer {
  const url = readUrl(request.url)
  const route = url && Object.hasOwn(routes, url.pathname) ? routes[url.pathname] : undefined
  if (!url || !route) return json(404, { error: 'not found', paths: Object.keys(routes) })
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return json(405, { error: `${request.method} is not allowed here: use GET` })
  try {
    return route(options, url.searchParams)
  } catch (error) {
    if (error instanceof IcfError) return refusal(error)
    throw error
  }
}

function readUrl(text: string | undefined): URL | undefined {
  const base = 'http://master'
  return text !== undefined && URL.canParse(text, base) ? new URL(text, base) : undefined
}

const routes: Readonly<Record<string, (options: HttpPortOptions, query: URLSearchParams) => Answer>> = {
  '/livez': () => json(200, { live: true }),
  '/readyz': ({ isReady, role }) => json(isReady() ? 200 : 503, { ready: isReady(), role: role() }),
  '/metrics': ({ metrics }) => ({
    status: 200,
    type: 'text/plain; version=0.0.4; charset=utf-8',
    body: metrics(),
  }),
  '/api/status': ({ administration }) => json(200, administration.status()),
  '/api/topology': ({ administration }) => json(200, presentTopology(administration.topology())),
  '/api/events': ({ administration }, query) =>
    json(200, { events: administration.events(readSince(query)) }),
}

function refusal({ code, message }: IcfError): Answer {
  return json(code === 'STANDBY' ? 503 : 400, { error: message, code })
}

function readSince(query: URLSearchParams): number {
  const since = Number(query.get('since') ?? 0)
  if (Number.isSafeInteger(since) && since >= 0) return since
  throw new IcfError('INVALID_ARGUMENT', '"since" must be the number of an event')
}

function json(status: number, body: object): Answer {
  return { status, type: 'application/json; charset=utf-8', body: `${JSON.stringify(body)}\n` }
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 405 && { allow: 'GET, HEAD' }),
  })
  response.end(method === 'HEAD' ? undefined : body)
}
