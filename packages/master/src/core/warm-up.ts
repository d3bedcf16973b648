import {
  emptyTopology,
  encodeDifference,
  type RingSettings,
  type ServerInfo,
  type Topology,
} from '@icf/common'
import { Draft } from './draft.js'
import { NO_CUTS } from './reachability.js'
import { Reconciler, wish } from './reconciler.js'
import { bury } from './slots.js'

const SERVERS = 4

/**
 * What buries a server of a made-up cluster, with all that a death costs the master. Called a few times while nothing is
 * going on, it has V8 compile that code before a real death: measured, the first one took ten times as long as later ones.
 */
export function deathRehearsal(ring: RingSettings): () => void {
  const cluster = madeUpCluster(ring)
  return () => {
    const draft = new Draft(cluster, 1)
    bury(draft, new Set([0]))
    const reconciler = new Reconciler(SERVERS)
    reconciler.invalidate('restore')
    const reconcile = (): number => reconciler.reconcile(draft, new Set(), NO_CUTS, () => draft.version)
    reconcile()
    encodeDifference(cluster, draft.freeze())
    reconcile()
  }
}

function madeUpCluster(ring: RingSettings): Topology {
  const servers = Array.from({ length: SERVERS }, (_, seat): ServerInfo => {
    const id = String(seat).padStart(40, '0')
    return { id, host: '', port: 0, respPort: 0, zone: '', machine: '', weight: 1, state: 'active' }
  })
  const empty = { ...emptyTopology(ring), servers }
  const { primary, backup } = wish(empty)
  return { ...empty, primary, backup }
}
