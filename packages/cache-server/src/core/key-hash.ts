/** What a server mixes into its hashes: keys can be chosen to fall together only by who knows its id, as its clients do. */
export function hashSeedOf(serverId: string): number {
  return Number.parseInt(serverId.slice(0, 8), 16) >>> 0
}

/** No more than V8 keeps in place of a pointer, however it is built: a larger number may be an object. */
export const HASH_BITS = 30
const HASH_MASK = 0x3fff_ffff

/** By FNV-1a, mixed as MurmurHash3 does in the end. */
export function hashOf(key: string, seed: number): number {
  let hash = seed
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return (hash ^ (hash >>> 13)) & HASH_MASK
}
