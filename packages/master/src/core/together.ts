import { NONE, type ServerInfo, type Topology } from '@icf/common'

/** Slots whose two copies can be lost at once. */
export interface Together {
  /** … with one machine. */
  readonly onOneMachine: number
  /** … with one zone, on two machines. */
  readonly inOneZone: number
}

export function countTogether({
  servers,
  primary,
  backup,
}: Pick<Topology, 'servers' | 'primary' | 'backup'>): Together {
  let [onOneMachine, inOneZone] = [0, 0]
  const areOnOneMachine = pairs(servers, ({ machine }) => machine)
  const areInOneZone = pairs(servers, ({ zone }) => zone)
  for (let slot = 0; slot < primary.length; slot++) {
    const [first, second] = [primary[slot]!, backup[slot]!]
    if (first === NONE || second === NONE) continue
    if (areOnOneMachine(first, second)) onOneMachine++
    else if (areInOneZone(first, second)) inOneZone++
  }
  return { onOneMachine, inOneZone }
}

/** Whether two seats have the same name, and have one at all. */
function pairs(
  servers: Topology['servers'],
  nameOf: (server: ServerInfo) => string,
): (a: number, b: number) => boolean {
  const names = servers.map((server) => (server ? nameOf(server) : ''))
  return (a, b) => names[a] !== '' && names[a] === names[b]
}
