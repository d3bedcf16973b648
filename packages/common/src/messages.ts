/**
 * The messages of the native protocol. Each is a msgpack array whose first element is one of these numbers; the
 * fields are listed, with their meaning, in docs/protocol.md. Numbers below 16 are those of the original icf.
 */
export const PROTOCOL_VERSION = 1

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
  /** active master → standby: its state. */
  SPARE_MASTER: 8,
  /** a new active master announces itself. */
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

/** Operations inside a KEY_VALUE_RESPONCE_BACK batch, each followed by its fields in one flat array. */
export const ReplicaOp = {
  /** slot, seq, key, value, kind, ttlMs (0 = none), number (0 = none): a live write. */
  PUT: 0,
  /** slot, seq, key, number (0 = none): deleted, expired or evicted. */
  REMOVE: 1,
  /** slot, seq, since: forget what you hold of the slot; its copy follows. */
  FILL_BEGIN: 2,
  /** slot, seq, key, value, kind, ttlMs: an entry that the slot held before; the newer seq wins. */
  FILL: 3,
  /** slot: the copy is complete. */
  FILL_END: 4,
  /** client id, settledBelow: numbers in the operations that follow are this client's. */
  ORIGIN: 5,
  /** slot, number: the slot has this write already; comes after FILL_BEGIN. */
  WRITTEN: 6,
  /** slot: entries may be missing that the slot's backup has; comes after FILL_BEGIN. */
  PARTED: 7,
} as const

/** How a stored value is to be read. */
export const ValueKind = {
  /** bytes as the caller gave them */
  BYTES: 0,
  /** text; on the wire a msgpack string, or its UTF-8 bytes when long */
  TEXT: 1,
  /** any other value, as msgpack that only the SDK reads */
  ENCODED: 2,
} as const

/** What a probe of a server's address found. */
export type ProbeOutcome = 'gone' | 'alive' | 'unknown'
