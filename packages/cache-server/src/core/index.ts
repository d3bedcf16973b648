export type { Difference } from './auditor.js'
export { CacheServerCore, type CacheServerOptions } from './cache-server-core.js'
export { entryCost } from './entry-cost.js'
export type { LinkPort } from './ports.js'
