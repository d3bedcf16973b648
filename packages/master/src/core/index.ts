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
export { MasterCore } from './master-core.js'
export type { MasterOptions } from './options.js'
export { NO_DEPARTURES, type DeparturesState } from './departures.js'
export type { Retired } from './retired.js'
export type { ServerSnapshot, Snapshot } from './snapshot.js'
export { unsoundSlot } from './sound.js'
