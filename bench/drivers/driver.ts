/** What the load loop needs of a client library. */
export interface Driver {
  get(key: string): Promise<string | null | undefined>
  set(key: string, value: string): Promise<unknown>
  close(): Promise<void>
}

/** How a driver finds its cluster: `host:port` of its masters or of some nodes. */
export type Connect = (addresses: readonly string[]) => Promise<Driver>
