export type { EtcdOptions } from './shell/etcd/gateway.js'
export type { RunningMaster } from './shell/master.js'
export { startMaster, type StartMasterOptions } from './shell/start-master.js'
