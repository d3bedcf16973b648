/**
 * The messages of the native protocol. Each is a msgpack array whose first element is one of these numbers, or, on the data
 * path, a frame that begins with it; the fields are listed, with their meaning, in docs/protocol.md. Numbers below 16 are those
 * of the original icf.
 */
export const PROTOCOL_VERSION = 2

export const MessageType = {
  /** server → master and back: heartbeat and lease. */
  KEEP_ALIVE: 2,
  /** client, server → master; server → server: send me the whole topology. */
  DISTRIBUTION_REQUEST: 3,
  /** a topology update, not caused by a change of membership. */
  DISTRIBUTION_RESPOND: 4,
  /** a topology update: servers are leaving. */
  SHUTDOWN_CACHE: 6,
  /** a topology update: servers joined. */
  ADD_CACHE_SERVER: 7,
  /** active master → voter: I am there, and perhaps its state. */
  SPARE_MASTER: 8,
  /** a topology update: a new active master announces itself with the first one of its term. */
  REFLESH_MASTER: 9,
  /** a topology update: servers died. */
  REFLESH_IP: 10,
  /** primary → backup: a batch of writes. */
  KEY_VALUE_RESPONCE_BACK: 11,
  /** backup → primary: the batch is stored. */
  BACK_ACK: 12,

  HELLO: 16,
  WELCOME: 17,
  REFUSED: 18,
  /** client → server: a batch of commands. */
  COMMANDS: 19,
  /** server → client: answers to commands. */
  RESULTS: 20,
  /** a piece of a value that is too long for one frame. */
  VALUE_CHUNK: 21,
  /** backup → primary: its entries of the keys that COMPARE named. */
  KEYS_COMPARED: 22,
  /** backup → primary: some of the keys that it has, after LIST. */
  KEYS_LISTED: 23,

  /** server → master: these slots are copied completely to a new backup. */
  SLOTS_COPIED: 32,
  /** server → master: these slots are copied, parked and drained: commit the new primary. */
  SLOTS_HANDED_OFF: 33,
  /** anyone → master: my connection to this server broke. */
  SUSPECT: 34,
  /** master → server: is the process at this address gone? */
  PROBE: 35,
  PROBE_RESULT: 36,
  /** master → server: you hold nothing any more, exit. */
  RELEASED: 37,
  /** server → master: all servers that I can not reach, though they are in the topology. */
  UNREACHABLE: 38,

  /** a master that wants to be active → voter. */
  VOTE: 39,
  /** voter → master: its answer to VOTE and SPARE_MASTER. */
  VOTED: 40,

  /** master → server: compare these slots, of which you are the primary, with their backups. */
  AUDIT_SLOTS: 41,
  /** server → master: what came of it. */
  SLOTS_AUDITED: 42,

  /** operator → master. */
  ADMIN_REQUEST: 48,
  ADMIN_RESPONSE: 49,
  /** master → operator: an entry of the event log. */
  EVENT: 50,
} as const

export type Message = readonly unknown[]

/** Who a connection's opener is. */
export type Role = 'client' | 'cache-server' | 'master' | 'admin' | 'probe'
export const roles: readonly Role[] = ['client', 'cache-server', 'master', 'admin', 'probe']
