/** What the process of the simulated cache servers is told; it answers when that is done. */
export type ServersTask =
  | { readonly kind: 'join'; readonly count: number; readonly weight: number }
  /** The newest one's connection breaks, and nobody is found at its address. */
  | { readonly kind: 'end' }
  /** Answered with `Serving`. */
  | { readonly kind: 'look' }

/** What the process of the simulated clients is told; it answers with `Received`, or when it is done. */
export type ClientsTask = { readonly kind: 'connect'; readonly count: number } | { readonly kind: 'look' }

/** Of all servers together. */
export interface Serving {
  /** Those to which the connection that they have now has brought a lease. */
  readonly leased: number
  /** The most that one's lease was used up since the last look, in ms: beyond its length, one has stopped serving. */
  readonly longestLeaseMs: number
}

/** Of all clients together: what came since the last look. */
export interface Received {
  readonly bytes: number
  readonly frames: number
  /** Those to which the connection that they have now has brought a topology. */
  readonly following: number
}
