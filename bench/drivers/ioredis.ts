import { Cluster } from 'ioredis'
import { connectAutoPipelined } from './auto-pipelined.js'
import type { Connect } from './driver.js'

export const connect: Connect = (nodes) => connectAutoPipelined(Cluster, nodes)
