import { bytesOf, keyOf, textOf, type Key } from '@icf/common'
import type { GivenKey } from '@icf/client'

/** Of so many keys one is no ASCII text, and another one no text at all. */
const KINDS = 8

/** A key of the workload, in the slot of its name. @param number by which its bytes are chosen */
export function keyName(name: string, number: number): Key {
  if (number % KINDS === 1) return keyOf(`{${name}}漢😀`)
  return number % KINDS === 2 ? `{${name}}\xff\x00\x80` : name
}

/** As a client has it. */
export function givenKey(key: Key): GivenKey {
  return textOf(key) ?? bytesOf(key)
}
