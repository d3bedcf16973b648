// A client in a process of its own, so that its CPU time and its garbage collection are its own. The parent says what
// to do by messages: see client.ts.
import type { Connect } from './drivers/driver.js'
import { benchKeys, benchValues, measure, preload, type Job } from './load.js'
import { VALUE_BYTES } from './options.js'
import type { SystemName } from './report.js'

export type Task = { readonly kind: 'preload' } | { readonly kind: 'measure'; readonly job: Job }

const [driverName, addresses, keyCount] = process.argv.slice(2) as [SystemName, string, string]
const drivers: Record<SystemName, () => Promise<{ connect: Connect }>> = {
  icf: () => import('./drivers/icf.js'),
  ioredis: () => import('./drivers/ioredis.js'),
  iovalkey: () => import('./drivers/iovalkey.js'),
  'node-redis': () => import('./drivers/node-redis.js'),
  'valkey-glide': () => import('./drivers/valkey-glide.js'),
}
const { connect } = await drivers[driverName]()
const driver = await connect(addresses.split(','))
const keys = benchKeys(Number(keyCount))
const values = benchValues(VALUE_BYTES)

process.on('message', (task: Task) => {
  perform(task).then(
    (result) => process.send!({ result }),
    (error: unknown) => process.send!({ error: error instanceof Error ? error.stack : String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ result: 'connected' })

async function perform(task: Task): Promise<unknown> {
  if (task.kind === 'measure') return measure(driver, keys, values, task.job)
  await preload(driver, keys, values)
  return 'loaded'
}
