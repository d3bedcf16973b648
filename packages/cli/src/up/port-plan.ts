/** Ports from the base that a local cluster may use: base … base + 159. */
export const PORT_SPAN = 160
export const MAX_BASE_PORT = 65_535 - PORT_SPAN + 1

const HTTP_OFFSET = 80
const CACHE_OFFSET = 100
const RESP_OFFSET = 130

/** As many as fit before the next kind of port begins. */
export const MAX_SERVERS = RESP_OFFSET - CACHE_OFFSET

export interface MasterPorts {
  readonly port: number
  /** 0: none. */
  readonly httpPort: number
}

export interface ServerPorts {
  readonly port: number
  /** Kept free for its Redis protocol. */
  readonly respPort: number
}

export interface PortPlan {
  readonly masters: readonly MasterPorts[]
  readonly servers: readonly ServerPorts[]
}

/**
 * The ports of a local cluster:
 *
 *     base …      masters
 *     base + 80   their HTTP
 *     base + 100  cache servers
 *     base + 130  their Redis protocol
 *
 * @param httpPort of the masters' HTTP instead: 0, or that of the only one
 */
export function planPorts(
  basePort: number,
  masterCount: number,
  serverCount: number,
  httpPort?: number,
): PortPlan {
  return {
    masters: count(masterCount, (i) => ({
      port: basePort + i,
      httpPort: httpPort ?? basePort + HTTP_OFFSET + i,
    })),
    servers: count(serverCount, (i) => ({
      port: basePort + CACHE_OFFSET + i,
      respPort: basePort + RESP_OFFSET + i,
    })),
  }
}

function count<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index))
}
