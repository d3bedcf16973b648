import { readFileSync } from 'node:fs'
import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { IcfError, type Runtime } from '@icf/common'

/** Where etcd is, and how to be let in. */
export interface EtcdOptions {
  /** `http://host:port` or `https://host:port` of each member, or of some: one after the other is tried. */
  readonly endpoints: readonly string[]
  readonly user?: string
  readonly password?: string
  /** Files in PEM: who signs the members' certificates, and the certificate and key that are shown to them. */
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** What etcd answers is an object; numbers of 64 bits are texts, and what is zero, false or empty is left out. */
export type EtcdMessage = Readonly<Record<string, unknown>>

/** Larger than etcd lets any answer be that icf asks for. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024
/** Between two attempts with the same endpoint. */
const PAUSE_MS = 50
/** Codes of gRPC with which another member may answer otherwise, or the same one soon: cancelled, unknown, late, aborted, unavailable. */
const PASSING_CODES: readonly unknown[] = [1, 2, 4, 10, 14]

/** etcd has understood, and says no. */
export class EtcdRefusal extends IcfError {
  constructor(
    message: string,
    readonly grpcCode: number,
  ) {
    super('INVALID_ARGUMENT', message)
  }
}

interface Endpoint {
  readonly url: URL
  readonly agent: http.Agent | https.Agent
}

/** The JSON gateway of etcd's third API. A call may be carried out more than once: each one has to bear that. */
export class EtcdGateway {
  readonly #endpoints: readonly Endpoint[]
  readonly #login: { readonly name: string; readonly password: string } | undefined
  readonly #open = new Set<ClientRequest>()
  /** Of the endpoint that is tried first: the last that answered. */
  #first = 0
  #token: string | undefined
  #isStopped = false

  /** @throws IcfError INVALID_ARGUMENT: a URL or a file can not be used */
  constructor(
    private readonly runtime: Pick<Runtime, 'now' | 'setTimeout'>,
    { endpoints, user, password, caFile, certFile, keyFile }: EtcdOptions,
  ) {
    const tls = {
      ...(caFile !== undefined && { ca: readPem(caFile) }),
      ...(certFile !== undefined && { cert: readPem(certFile) }),
      ...(keyFile !== undefined && { key: readPem(keyFile) }),
    }
    this.#endpoints = endpoints.map((text) => {
      const url = readUrl(text)
      const agent =
        url.protocol === 'https:'
          ? new https.Agent({ keepAlive: true, ...tls })
          : new http.Agent({ keepAlive: true })
      return { url, agent }
    })
    this.#login = user === undefined ? undefined : { name: user, password: password ?? '' }
  }

  /**
   * @param deadlineMs for all attempts together
   * @throws EtcdRefusal; IcfError UNREACHABLE: it may have been carried out, or may still be
   */
  async call(path: string, body: EtcdMessage, deadlineMs: number): Promise<EtcdMessage> {
    const deadline = this.runtime.now() + deadlineMs
    const attemptMs = Math.max(deadlineMs / this.#endpoints.length, 100)
    let problem: unknown
    for (let attempt = 0; !this.#isStopped; attempt++) {
      const leftMs = deadline - this.runtime.now()
      if (leftMs <= 0) break
      const index = this.#first % this.#endpoints.length
      try {
        return await this.#callAt(index, path, body, Math.min(attemptMs, leftMs))
      } catch (error) {
        if (error instanceof EtcdRefusal) throw error
        // One that was cut short tells less than those before.
        if (leftMs >= attemptMs || problem === undefined) problem = error
        if (this.#first % this.#endpoints.length === index) this.#first = index + 1
        if (attempt >= this.#endpoints.length - 1)
          await new Promise((resolve) => this.runtime.setTimeout(() => resolve(undefined), PAUSE_MS))
      }
    }
    throw unreachable(problem)
  }

  /**
   * A call that is answered by one message after the other.
   * @param told each of them. Resolves when the answer ends, for whatever reason
   */
  async follow(
    path: string,
    body: EtcdMessage,
    told: (message: EtcdMessage) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const endpoint = this.#endpoints[this.#first % this.#endpoints.length]!
    try {
      const response = await this.#send(endpoint, path, body, signal)
      response.setEncoding('utf8')
      let rest = ''
      for await (const text of response) {
        const lines = (rest + String(text)).split('\n')
        rest = lines.pop()!
        if (rest.length > MAX_ANSWER_BYTES) return
        for (const line of lines) if (line.trim() !== '') told(readObject(line))
      }
    } catch {
      // Whoever follows looks by itself what has been missed, and finds there what is wrong.
    }
  }

  /** Ends every call. */
  stop(): void {
    this.#isStopped = true
    for (const request of this.#open) request.destroy()
    for (const { agent } of this.#endpoints) agent.destroy()
  }

  async #callAt(index: number, path: string, body: EtcdMessage, timeoutMs: number): Promise<EtcdMessage> {
    const endpoint = this.#endpoints[index]!
    const signal = AbortSignal.timeout(Math.ceil(timeoutMs))
    if (this.#login && this.#token === undefined) await this.#authenticate(endpoint, signal)
    const { status, answer } = await this.#exchange(endpoint, path, body, signal)
    if (status === 200) return answer
    if (this.#login && isOfToken(answer)) this.#token = undefined
    throw failureOf(status, answer, this.#token === undefined && this.#login !== undefined)
  }

  async #authenticate(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const { status, answer } = await this.#exchange(endpoint, '/v3/auth/authenticate', this.#login!, signal)
    // Without authentication in etcd anybody is let in.
    if (status === 200) this.#token = String(answer.token)
    else if (!textOf(answer).includes('authentication is not enabled')) throw failureOf(status, answer, false)
  }

  async #exchange(
    endpoint: Endpoint,
    path: string,
    body: EtcdMessage,
    signal: AbortSignal,
  ): Promise<{ status: number; answer: EtcdMessage }> {
    const response = await this.#send(endpoint, path, body, signal)
    const chunks: Buffer[] = []
    let bytes = 0
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length
      if (bytes > MAX_ANSWER_BYTES) throw new Error('the answer is too long')
      chunks.push(chunk as Buffer)
    }
    const text = Buffer.concat(chunks).toString('utf8')
    const status = response.statusCode ?? 0
    if (status === 200) return { status, answer: readObject(text) }
    try {
      return { status, answer: readObject(text) }
    } catch {
      throw new Error(`HTTP ${status}: ${text.slice(0, 200).trim()}`)
    }
  }

  #send(
    { url, agent }: Endpoint,
    path: string,
    body: EtcdMessage,
    signal: AbortSignal,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const payload = JSON.stringify(body)
      const { request: begin } = url.protocol === 'https:' ? https : http
      const request = begin(
        new URL(path, url),
        {
          method: 'POST',
          agent,
          signal,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(payload),
            ...(this.#token !== undefined && { authorization: this.#token }),
          },
        },
        resolve,
      )
      this.#open.add(request)
      request.on('close', () => this.#open.delete(request))
      request.on('error', (error) => reject(new Error(`${url.host}: ${reasonOf(error)}`, { cause: error })))
      request.end(payload)
    })
  }
}

function reasonOf(error: Error): string {
  const { code, message } = error as NodeJS.ErrnoException
  return error.name === 'AbortError'
    ? 'no answer in time'
    : code === undefined
      ? message
      : `${code} ${message}`
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new IcfError('INVALID_ARGUMENT', `can not read ${file}: ${(cause as Error).message}`, { cause })
  }
}

function readUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const isPlain = url && url.pathname === '/' && url.search === '' && url.username === ''
  if (url && isPlain && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new IcfError('INVALID_ARGUMENT', 'write where etcd is as http://host:2379 or https://host:2379')
}

function readObject(text: string): EtcdMessage {
  const value: unknown = JSON.parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as EtcdMessage
  throw new Error('the answer is no JSON object: this is no etcd')
}

function textOf({ error, message }: EtcdMessage): string {
  // Of a call whose answers are a stream, as that which keeps a lease alive, it is an object.
  if (typeof error === 'object' && error !== null) return textOf(error as EtcdMessage)
  return typeof error === 'string' ? error : typeof message === 'string' ? message : 'it does not say why'
}

/** It is too old, or was given before the rights were changed. */
function isOfToken(answer: EtcdMessage): boolean {
  return answer.code === 16 || /invalid auth token|revision of auth store is old/.test(textOf(answer))
}

/** @param mayPass the same call may be answered otherwise, with another token */
function failureOf(status: number, answer: EtcdMessage, mayPass: boolean): Error {
  const text = `etcd refuses: ${textOf(answer)}`
  const { code } = answer
  if (mayPass || typeof code !== 'number' || PASSING_CODES.includes(code))
    return new Error(`${text} (HTTP ${status})`)
  return new EtcdRefusal(text, code)
}

function unreachable(problem: unknown): IcfError {
  const why = problem instanceof Error ? problem.message : 'this master ends'
  return new IcfError('UNREACHABLE', `can not reach etcd: ${why}`, { cause: problem })
}
