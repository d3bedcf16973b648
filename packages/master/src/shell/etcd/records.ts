import { IcfError, type MasterInfo } from '@icf/common'
import { formatAddress } from '@icf/common/node'
import type { StoredState } from '../state-file.js'
import type { EtcdGateway } from './gateway.js'
import { EtcdKeys, NO_REVISION, type KeyValue } from './kv.js'
import {
  EtcdPaths,
  leaderText,
  mastersText,
  readEpoch,
  readMasterList,
  type Leader,
} from './master-record.js'
import { encodeRecord } from './state-record.js'
import type { Sight } from './view.js'

const CALL_MS = 2000

/** The newest term's epoch by etcd; 0: it knows of none. */
export interface LastEpoch {
  readonly epoch: number
  readonly revision: string
}

/** What a term begins with. */
export interface FoundState {
  /** As of `encodeRecord`; undefined: there is none yet. */
  readonly record: string | undefined
  readonly revision: string
}

export interface PutState {
  /** Of the state's key. */
  readonly revision: string
  /** Of etcd then; undefined: an earlier attempt was carried out without an answer. */
  readonly seen: bigint | undefined
}

/**
 * What a cluster has in etcd, and the transactions by which its masters change that. All throw IcfError UNREACHABLE as
 * `EtcdGateway.call`: then it may be done, or not.
 */
export class EtcdRecords {
  readonly keys: EtcdKeys
  readonly paths: EtcdPaths

  constructor(
    gateway: EtcdGateway,
    private readonly cluster: string,
  ) {
    this.keys = new EtcdKeys(gateway)
    this.paths = new EtcdPaths(cluster)
  }

  /** Whether etcd answers. */
  async check(): Promise<void> {
    await this.#get(this.paths.leader)
  }

  async lastEpoch(): Promise<LastEpoch> {
    const last = await this.#get(this.paths.epoch)
    return { epoch: readEpoch(last?.value ?? 0), revision: revisionOf(last) }
  }

  /**
   * Makes that master the active one, unless anything is other than it was seen.
   * @returns the text of its key, which no other term has; undefined: it is not the active one
   */
  async take(mine: Leader, lease: string, seen: Sight, last: LastEpoch): Promise<string | undefined> {
    const { paths } = this
    const { leader, seats, seatsRevision } = seen
    const text = leaderText(mine)
    const revision = await this.keys.transact(
      [
        leader ? { key: paths.leader, value: leader.text } : { key: paths.leader, modRevision: NO_REVISION },
        { key: paths.seats, modRevision: seatsRevision },
        { key: paths.epoch, modRevision: last.revision },
      ],
      [
        { put: paths.leader, value: text, lease },
        { put: paths.epoch, value: String(mine.epoch) },
        ...(seats ? [] : [{ put: paths.seats, value: mastersText([mine.master]) }]),
      ],
      CALL_MS,
    )
    // Its first attempt may have been carried out without an answer.
    const isTaken = revision !== undefined || (await this.#get(paths.leader))?.value === text
    return isTaken ? text : undefined
  }

  /** Nobody has the key of the active master, if it has this text. */
  async resign(text: string): Promise<void> {
    const { leader } = this.paths
    await this.keys.transact([{ key: leader, value: text }], [{ remove: leader }], CALL_MS)
  }

  async state(): Promise<FoundState> {
    const found = await this.#get(this.paths.state)
    return { record: found?.value, revision: revisionOf(found) }
  }

  /**
   * An attempt that comes late, after it was repeated, must not undo what was put since: each one follows upon the one before.
   * @param text of the term's key
   * @param last revision of the state that this term put last, or found
   * @returns undefined: another master is active, or has been since. @throws IcfError also as `encodeRecord`
   */
  async putState(text: string, last: string, state: StoredState): Promise<PutState | undefined> {
    const { leader, state: key } = this.paths
    const value = encodeRecord(this.cluster, state)
    const conditions = [
      { key: leader, value: text },
      { key, modRevision: last },
    ]
    const seen = await this.keys.transact(conditions, [{ put: key, value }], CALL_MS)
    if (seen !== undefined) return { revision: String(seen), seen }
    const present = await this.#get(key)
    return present?.value === value ? { revision: present.modRevision, seen } : undefined
  }

  /** @param last revision of the seats that these follow upon. @throws IcfError TERM_LOST */
  async putSeats(text: string, last: string, seats: readonly MasterInfo[]): Promise<void> {
    const { leader, seats: key } = this.paths
    const conditions = [
      { key: leader, value: text },
      { key, modRevision: last },
    ]
    const revision = await this.keys.transact(conditions, [{ put: key, value: mastersText(seats) }], CALL_MS)
    if (revision === undefined)
      throw new IcfError('TERM_LOST', 'the masters in etcd have changed meanwhile: "icf status" tells them')
  }

  /**
   * Of two machines only one can have a master at an address: by it masters know each other.
   * @throws IcfError INVALID_ARGUMENT: another one has, or had until a moment ago
   */
  async register(self: MasterInfo, lease: string): Promise<void> {
    const key = this.paths.master(self)
    const before = await this.#get(key)
    const other = readMasterList(before?.value ?? '[]').find(({ machine }) => machine !== self.machine)
    if (other)
      throw new IcfError(
        'INVALID_ARGUMENT',
        `another machine has a master at ${formatAddress(self)}, too: start it with --advertise-host, and the address by which others reach it`,
      )
    const conditions = [{ key, modRevision: revisionOf(before) }]
    const change = { put: key, value: mastersText([self]), lease }
    if ((await this.keys.transact(conditions, [change], CALL_MS)) === undefined)
      throw new IcfError('UNREACHABLE', `${key} in etcd has changed meanwhile: tried again`)
  }

  #get(key: string): Promise<KeyValue | undefined> {
    return this.keys.get(key, CALL_MS)
  }
}

function revisionOf(found: KeyValue | undefined): string {
  return found?.modRevision ?? NO_REVISION
}
