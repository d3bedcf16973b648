const KIB = 1024
const MIB = 1024 * KIB

/** Every bound that both ends of a link rely on. What a single process may choose is in its own settings. */
export const limits = Object.freeze({
  /** Longest key, in bytes. */
  maxKeyBytes: 4 * KIB,
  /** Largest value, in bytes as stored. */
  maxValueBytes: 64 * MIB,
  /** A value longer than this travels in VALUE_CHUNK frames ahead of the frame that refers to it. */
  chunkBytes: 256 * KIB,
  /** A sender starts a new frame once the values and keys in the present one exceed this. */
  softFrameBytes: MIB,
  /** A frame longer than this is refused before it is read: the connection is closed with code 1009. */
  maxFrameBytes: 4 * MIB,
  /**
   * A frame of msgpack with more elements, those in its arrays among them, is refused before it is decoded, which would take
   * long.
   */
  maxFrameElements: 136 * KIB,
  /** Commands in one frame. */
  maxCommandsPerFrame: 16_384,
  /** Results in one frame: `softFrameBytes` of them, which count for eight bytes at least, are fewer. */
  maxResultsPerFrame: 160 * KIB,
  /** Operations in one batch, a key that is compared counted as one: `softFrameBytes` of them are fewer. */
  maxOperationsPerBatch: 160 * KIB,
  /**
   * Writes of one client between its oldest without an answer and its newest. A repetition of one that is further back
   * is not known as such any more, and runs again.
   */
  maxUnsettledWrites: 131_072,
  /** Keys that one COMPARE asks for. */
  maxComparedKeys: 1024,
  /** Cache servers in one cluster. */
  maxServers: 1_000,
  /** Masters of one cluster, active and standby. */
  maxMasters: 50,
  /** Masters and cache servers that have a say in which master is active. */
  maxVoters: 100,
  /** Of a cache server: it has a ring point for each virtual node and unit of weight. */
  maxWeight: 1_000,
  /** Connections that one process accepts. */
  maxConnections: 10_000,
  /** Sender side: stop producing for a link that has this much unsent. */
  linkHighWaterBytes: 4 * MIB,
  /** Sender side: a link with this much unsent belongs to a peer that does not read: it is closed. */
  linkOverflowBytes: 256 * MIB,
  /** Longest zone, cluster or host name. */
  maxNameLength: 255,
  /** Longest time to live, in milliseconds: 100 years. */
  maxTtlMs: 100 * 365 * 24 * 3600 * 1000,
})
