import type { InitializeHook, LoadHook } from 'node:module'
import { mutate, type Mutant } from './mutant.js'

interface Planted {
  readonly mutant: Mutant
  readonly url: string
}

let planted: Planted

/** Node calls these two in a thread of their own, for every module that is loaded. */
export const initialize: InitializeHook<Planted> = (data) => {
  planted = data
}

export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context)
  if (url !== planted.url) return loaded
  return { ...loaded, source: mutate(Buffer.from(loaded.source as Uint8Array).toString(), planted.mutant) }
}
