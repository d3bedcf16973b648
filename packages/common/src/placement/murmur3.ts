/**
 * MurmurHash3, x86, 32 bits, of the first `length` bytes. Source: Austin Appleby, SMHasher, MurmurHash3.cpp
 * (public domain).
 */
export function murmur3(bytes: Uint8Array, length: number, seed: number): number {
  let hash = seed | 0
  const blocksEnd = length & ~3
  for (let i = 0; i < blocksEnd; i += 4) {
    const block = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    hash ^= scramble(block)
    hash = (hash << 13) | (hash >>> 19)
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0
  }
  let tail = 0
  for (let i = length - 1; i >= blocksEnd; i--) tail = (tail << 8) | bytes[i]!
  hash ^= scramble(tail)
  return avalanche(hash ^ length)
}

function scramble(block: number): number {
  const mixed = Math.imul(block, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

function avalanche(hash: number): number {
  let mixed = hash ^ (hash >>> 16)
  mixed = Math.imul(mixed, 0x85ebca6b)
  mixed ^= mixed >>> 13
  mixed = Math.imul(mixed, 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
