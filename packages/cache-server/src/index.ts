export { MIN_MEMORY_BYTES } from './shell/memory.js'
export type { RunningCacheServer } from './shell/cache-server.js'
export { startCacheServer, type CacheServerOptions } from './shell/start.js'
