// What the compiler takes: this is not run.
import { test } from 'node:test'
import type { Client, GivenKey } from './index.js'

export async function takesTextAndBytes(cache: Client, text: string, bytes: Uint8Array): Promise<void> {
  const keys: readonly GivenKey[] = [text, bytes]
  for (const key of keys) {
    await cache.set(key, 1, { ttlMs: 1 })
    await cache.get<number>(key)
    await cache.delete(key)
    await cache.has(key)
    await cache.ttl(key)
    cache.where(key)
    cache.topology.where(key)
  }
  await cache.getMany(keys)
  await cache.getMany([bytes])
  await cache.getMany([text])
  await cache.setMany([[bytes, 1], [text, 2]]) // prettier-ignore
  await cache.setMany(new Map([[text, 1]]))
  await cache.setMany(new Map([[bytes, 1]]))
}

export async function takesNothingElse(cache: Client): Promise<void> {
  // @ts-expect-error a number
  await cache.get(1)
  // @ts-expect-error nothing
  await cache.set(undefined, 1)
  // @ts-expect-error another array of numbers
  await cache.delete(new Uint16Array(1))
  // @ts-expect-error numbers
  await cache.getMany([1])
  // @ts-expect-error a number
  await cache.setMany([[1, 1]])
  // @ts-expect-error nothing
  cache.where(null)
}

test('keys are text or bytes, for the compiler', () => undefined)
