import { connect as connectIcf } from '@icf/client'
import type { Driver } from './driver.js'

export async function connect(masters: readonly string[]): Promise<Driver> {
  const cache = await connectIcf({ masters })
  return {
    get: (key) => cache.get<string>(key),
    set: (key, value) => cache.set(key, value),
    close: () => cache.close(),
  }
}
