import { keyOf, type IcfError } from '@icf/common'
import type { GivenKey } from '@icf/client'
import type { Client } from '@icf/client/shell'
import { Violation } from './checkers/violation.js'
import type { KeyCall } from './key-call.js'
import { givenKey } from './key-name.js'

/** What the SDK says of one key of a call for many: what was found, undefined for a miss, or how it failed. */
export type Fate =
  { readonly kind: 'done'; readonly found: string | undefined } | { readonly kind: 'undone' | 'unknown' }

/**
 * Reads or writes what the parts say, in one call. `overwritten` goes first under the key of the first part that is
 * written: nobody may ever see it.
 * @returns what was found, in the order of the parts; nothing of writes
 */
export async function performMany(
  client: Client,
  parts: readonly KeyCall[],
  overwritten: string | undefined,
  timeoutMs: number,
): Promise<readonly (string | undefined)[]> {
  const entries = parts.flatMap(({ key, operation }): [GivenKey, string][] =>
    operation.kind === 'set' ? [[givenKey(key.name), operation.value]] : [],
  )
  if (entries.length === 0)
    return client.getMany<string>(
      parts.map(({ key }) => givenKey(key.name)),
      { timeoutMs },
    )
  if (overwritten !== undefined) entries.unshift([entries[0]![0], overwritten])
  await client.setMany(entries, { timeoutMs })
  return []
}

/**
 * What became of each part of a call that failed with TIMEOUT or OUTCOME_UNKNOWN: what is not in the error's `keys` is
 * done. Of those that are, the error has the one code that is worst, so with OUTCOME_UNKNOWN any of them may have happened.
 * Of a key that was read twice, the one without a value may have missed as well as failed.
 * @throws Violation when the error does not say what the SDK promises of it
 */
export function fatesOf({ code, keys, values }: IcfError, parts: readonly KeyCall[]): Fate[] {
  const asked = new Set(parts.map(({ key }) => key.name))
  const failed = new Set(keys?.map(keyOf))
  const isRead = parts[0]!.operation.kind === 'get'
  if (failed.size === 0 || [...failed].some((key) => !asked.has(key)))
    throw new Violation(`invariant 7: of ${[...asked].join(' ')} it fails with the keys ${keys?.join(' ')}`)
  if (isRead ? values?.length !== parts.length : values !== undefined)
    throw new Violation(`invariant 7: for ${parts.length} keys it fails with ${values?.length} values`)
  return parts.map(({ key }, i) => {
    const found = values?.[i] as string | undefined
    if (!failed.has(key.name) || found !== undefined) return { kind: 'done', found }
    return { kind: code === 'OUTCOME_UNKNOWN' ? 'unknown' : 'undone' }
  })
}
