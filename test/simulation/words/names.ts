/** How ids and topologies are called by whoever reads of them. */
export interface Names {
  /** Of a server, a master or a client. */
  id(id: string): string
  /** Of a term. */
  epoch(epoch: number): string
}

/** As they are, ids shortened. */
export const plainNames: Names = { id: (id) => id.slice(0, 6), epoch: (epoch) => `e${epoch}` }

/** Of a topology, or a master's state: its epoch and version. */
export function stamp(names: Names, epoch: number, version: number): string {
  return epoch === 0 && version === 0 ? 'none' : `${names.epoch(epoch)}v${version}`
}
