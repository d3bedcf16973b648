import {
  encodeTopology,
  errorToWire,
  IcfError,
  malformed,
  MessageType,
  type AdminCommand,
  type AdminResult,
  type LoggedEvent,
  type Message,
  type Plan,
  type Status,
  type Topology,
} from '@icf/common'
import type { Link } from '@icf/common/node'
import type { EventReader } from './event-log.js'

/** What an operator may ask for; the admin links and the HTTP port share it. */
export interface Administration {
  status(): Status
  topology(): Topology
  plan(): Plan
  shutdown(selectors: readonly string[], isDryRun: boolean): Promise<AdminResult<'SHUTDOWN_CACHE'>>
  /** Gives silent servers up, with what only they have. */
  forget(selectors: readonly string[], isDryRun: boolean): Promise<AdminResult<'FORGET'>>
  /** @param selector of a master that is gone for good: id, beginning of an id, or host:port */
  forgetMaster(selector: string): Promise<AdminResult<'FORGET_MASTER'>>
  /** @param to the standby that is to be active: id, beginning of an id, or host:port; undefined: whichever can */
  failover(to: string | undefined): Promise<AdminResult<'FAILOVER'>>
  /** Has all slots compared with their backups, unless they are being. @returns the newest audit; null: there was none */
  audit(begin: boolean): AdminResult<'AUDIT'>
  events(since: number): readonly LoggedEvent[]
  follow(reader: EventReader): () => void
}

type Arguments = Readonly<Record<string, unknown>>

type Commands = {
  readonly [C in AdminCommand]: (
    on: Administration,
    args: Arguments,
  ) => AdminResult<C> | Promise<AdminResult<C>>
}

const commands: Commands = {
  STATUS: (on) => on.status(),
  TOPOLOGY: (on) => encodeTopology(on.topology()),
  PLAN: (on) => on.plan(),
  SHUTDOWN_CACHE: (on, { servers, dryRun }) => on.shutdown(readSelectors(servers), dryRun === true),
  FORGET: (on, { servers, dryRun }) => on.forget(readSelectors(servers), dryRun === true),
  FORGET_MASTER: (on, { master }) => on.forgetMaster(readMaster(master) ?? ''),
  FAILOVER: (on, { to }) => on.failover(readMaster(to)),
  AUDIT: (on, { begin }) => on.audit(begin === true),
  EVENTS: (on, { since }) => ({ events: on.events(readNumber(since)) }),
}

/** Serves one admin link: each ADMIN_REQUEST gets one ADMIN_RESPONSE, in whatever order they are ready. */
export function serveAdmin(link: Link, on: Administration): void {
  let unfollow: (() => void) | undefined
  link.handlers = {
    message(message) {
      const { request, name, args } = readRequest(message)
      void respond(link, request, () => {
        const result = run(name, on, args)
        if (name === 'EVENTS' && args.follow === true) unfollow ??= follow(link, on)
        return result
      })
    },
    close: () => unfollow?.(),
  }
}

/** @throws IcfError STANDBY */
function follow(link: Link, on: Administration): () => void {
  return on.follow({
    next: (event) => link.send([MessageType.EVENT, event]),
    ended: () => link.close(1000, 'this master is not the active one any more'),
  })
}

function run(name: string, on: Administration, args: Arguments): unknown {
  if (!isCommand(name))
    throw new IcfError('UNKNOWN_COMMAND', `a master has no command "${name.slice(0, 100)}"`)
  return commands[name](on, args)
}

function isCommand(name: string): name is AdminCommand {
  return Object.hasOwn(commands, name)
}

async function respond(link: Link, request: number, produce: () => unknown): Promise<void> {
  try {
    link.send([MessageType.ADMIN_RESPONSE, request, true, await produce()])
  } catch (error) {
    const { code, message } =
      error instanceof IcfError ? error : new IcfError('INTERNAL', String(error), { cause: error })
    link.send([MessageType.ADMIN_RESPONSE, request, false, errorToWire(code), message])
  }
}

function readRequest(message: Message): { request: number; name: string; args: Arguments } {
  const [type, request, name, args = {}] = message
  if (type !== MessageType.ADMIN_REQUEST)
    throw new IcfError('PROTOCOL', `an operator must not send message ${String(type)} to a master`)
  if (!Number.isSafeInteger(request)) throw malformed('number of ADMIN_REQUEST', 'a whole number', request)
  if (typeof name !== 'string') throw malformed('name in ADMIN_REQUEST', 'a text', name)
  if (typeof args !== 'object') throw malformed('arguments of ADMIN_REQUEST', 'a map', args)
  return { request: request as number, name, args: (args ?? {}) as Arguments }
}

function readSelectors(servers: unknown): string[] {
  if (!Array.isArray(servers) || servers.length === 0 || !servers.every((text) => typeof text === 'string'))
    throw new IcfError(
      'INVALID_ARGUMENT',
      'name the cache servers: an id, the beginning of one, or host:port',
    )
  return servers
}

function readMaster(to: unknown): string | undefined {
  if (to === undefined || to === null) return undefined
  if (typeof to !== 'string')
    throw new IcfError('INVALID_ARGUMENT', 'name the master: an id, the beginning of one, or host:port')
  return to
}

function readNumber(value: unknown): number {
  if (value === undefined || value === null) return 0
  if (!Number.isSafeInteger(value))
    throw new IcfError('INVALID_ARGUMENT', '"since" must be the number of an event')
  return value as number
}
