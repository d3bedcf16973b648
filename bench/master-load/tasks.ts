/** What the process of the simulated cache servers is told; it answers when that is done. */
export type ServersTask =
  /** The newest one's connection breaks, and nobody is found at its address. */
  { readonly kind: 'end' } | { readonly kind: 'join'; readonly count: number; readonly weight: number }

/** What the process of the simulated clients is told; it answers with what it is asked for, or when it is done. */
export type ClientsTask = { readonly kind: 'connect'; readonly count: number } | { readonly kind: 'received' }

/** Of all clients together. */
export interface Received {
  readonly bytes: number
  readonly frames: number
}
