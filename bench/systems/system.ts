/** A cluster under test, running. */
export interface System {
  /** What its clients are told: masters or nodes, as host:port. */
  readonly addresses: readonly string[]
  readonly serverPids: readonly number[]
  /** For the report, for example `redis 7.0.15`. */
  readonly version: string
}
