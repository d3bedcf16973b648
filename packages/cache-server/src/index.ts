export { startCacheServer, type CacheServerOptions, type RunningCacheServer } from './shell/start.js'
