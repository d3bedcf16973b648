export type {
  ClusterEvent,
  DeathReason,
  Effect,
  Finding,
  Hello,
  LinkId,
  MasterEvent,
  MasterState,
} from './events.js'
export { MasterCore, type MasterOptions } from './master-core.js'
export type { Retired } from './retired.js'
export type { ServerSnapshot, Snapshot } from './snapshot.js'
