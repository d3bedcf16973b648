import type { SimCluster } from './cluster.js'

/** Whether every slot is where it shall be, with its backup, and everybody follows the topology that says so. */
export function isSettled(cluster: SimCluster): boolean {
  const { topology, masters, servers } = cluster
  const { process: masterProcess, node: master } = masters.acting
  if (!topology || !master?.core || !masters.processes.every(({ canRun }) => canRun)) return false
  const snapshot = master.core.snapshot(masterProcess.now())
  return (
    servers.length > 0 &&
    // Nor has anybody died whom the master still believes to live.
    cluster.seats(topology).every((server, seat) => server || !topology.servers[seat]) &&
    servers.every(({ incarnation, isLeaving }) => {
      const core = incarnation?.core
      if (!core) return false
      // The last one stays, whoever told it to leave.
      if (isLeaving && servers.length > 1) return false
      return (
        core.isMember &&
        core.slots.topology.version === topology.version &&
        !core.store.hasBackgroundWork &&
        // With `ack: 'primary'` its client does not wait for it.
        core.ledger.isEmpty
      )
    }) &&
    snapshot.isSettled &&
    // It is, as far as it can be, while servers do not reach each other.
    snapshot.unreachable.length === 0
  )
}
