export { startMaster, type RunningMaster, type StartMasterOptions } from './shell/start-master.js'
export type { LoggedEvent } from './shell/event-log.js'
