/** Where a process runs. */
export interface Place {
  /** The address that it listens on and is reached at. */
  readonly host: string
  /** What its command line begins with, so that it starts there. */
  readonly prefix: readonly string[]
}

/** This machine. */
export const HERE: Place = { host: '127.0.0.1', prefix: [] }
