import type { EtcdGateway, EtcdMessage } from './gateway.js'

/** One key as etcd has it. Revisions count all changes of all keys; each is greater than those before. */
export interface KeyValue {
  readonly key: string
  readonly value: string
  /** Of its last change. */
  readonly modRevision: string
}

/** What has to hold for a transaction to be carried out. */
export type Condition =
  { readonly key: string; readonly value: string } | { readonly key: string; readonly modRevision: string }

export type Change =
  | { readonly put: string; readonly value: string; readonly lease?: string }
  /** Not an error when it is not there. */
  | { readonly remove: string }

/** Of a key that is not there. */
export const NO_REVISION = '0'

/** The calls of etcd that icf needs. All of them throw as `EtcdGateway.call`. */
export class EtcdKeys {
  constructor(private readonly gateway: EtcdGateway) {}

  /** As of now: no member answers it that may be behind. */
  async get(key: string, deadlineMs: number): Promise<KeyValue | undefined> {
    const { kvs } = await this.gateway.call('/v3/kv/range', { key: encode(key) }, deadlineMs)
    return readKeys(kvs)[0]
  }

  /** @param end the first key that is not of them. As of now, with the revision of that */
  async range(
    from: string,
    end: string,
    deadlineMs: number,
  ): Promise<{ readonly keys: KeyValue[]; readonly revision: bigint }> {
    const body = { key: encode(from), range_end: encode(end) }
    const { kvs, header } = await this.gateway.call('/v3/kv/range', body, deadlineMs)
    return { keys: readKeys(kvs), revision: revisionIn(header) }
  }

  /**
   * @returns the revision by which all changes are made; undefined: a condition did not hold, and none is. It may have been
   *   carried out twice: then undefined says nothing, unless no change breaks a condition
   */
  async transact(
    conditions: readonly Condition[],
    changes: readonly Change[],
    deadlineMs: number,
  ): Promise<bigint | undefined> {
    const body = { compare: conditions.map(conditionFields), success: changes.map(changeFields) }
    const { succeeded, header } = await this.gateway.call('/v3/kv/txn', body, deadlineMs)
    return succeeded === true ? revisionIn(header) : undefined
  }

  /** Calls `changed` when one of these keys may have been, since that revision. Resolves when it can not tell any more. */
  async watch(
    from: string,
    end: string,
    revision: bigint,
    changed: () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const create = {
      key: encode(from),
      range_end: encode(end),
      start_revision: String(revision + 1n),
    }
    const stop = new AbortController()
    const either = AbortSignal.any([signal, stop.signal])
    await this.gateway.follow(
      '/v3/watch',
      { create_request: create },
      ({ result }) => {
        const { events, canceled } = (result ?? { canceled: true }) as EtcdMessage
        // The revision may be compacted, or none that this etcd has had yet.
        if (canceled === true) stop.abort()
        else if (Array.isArray(events) && events.length > 0) changed()
      },
      either,
    )
  }
}

function revisionIn(header: unknown): bigint {
  const { revision } = (header ?? {}) as { revision?: string }
  return BigInt(revision ?? NO_REVISION)
}

function conditionFields(condition: Condition): EtcdMessage {
  const key = encode(condition.key)
  return 'value' in condition
    ? { key, target: 'VALUE', result: 'EQUAL', value: encode(condition.value) }
    : { key, target: 'MOD', result: 'EQUAL', mod_revision: condition.modRevision }
}

function changeFields(change: Change): EtcdMessage {
  if ('remove' in change) return { request_delete_range: { key: encode(change.remove) } }
  const { put, value, lease } = change
  return {
    request_put: { key: encode(put), value: encode(value), ...(lease !== undefined && { lease }) },
  }
}

function readKeys(kvs: unknown): KeyValue[] {
  if (!Array.isArray(kvs)) return []
  return (kvs as { key?: string; value?: string; mod_revision?: string }[]).map(
    ({ key = '', value = '', mod_revision = NO_REVISION }) => ({
      key: decode(key),
      value: decode(value),
      modRevision: mod_revision,
    }),
  )
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64')
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString('utf8')
}
