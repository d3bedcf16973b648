export type { RunningCacheServer } from './shell/cache-server.js'
export { startCacheServer, type CacheServerOptions } from './shell/start.js'
