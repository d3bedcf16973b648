import type { MasterInfo } from '@icf/common'
import { formatAddress } from '@icf/common/node'

/** What the key of the active master has. No two terms have the same: it is what each decision of a term is tied to. */
export interface Leader {
  readonly master: MasterInfo
  readonly epoch: number
}

/** Which keys a cluster has in etcd. Several clusters can share one etcd. */
export class EtcdPaths {
  readonly #prefix: string

  constructor(cluster: string) {
    this.#prefix = `/icf/${encodeURIComponent(cluster)}/`
  }

  /** The epoch of the newest term. */
  get epoch(): string {
    return `${this.#prefix}epoch`
  }

  /** The active master, bound to its lease. */
  get leader(): string {
    return `${this.#prefix}leader`
  }

  /** All masters that are there, each bound to its lease. */
  get masters(): string {
    return `${this.#prefix}masters/`
  }

  /** Which masters may become active. */
  get seats(): string {
    return `${this.#prefix}seats`
  }

  get state(): string {
    return `${this.#prefix}state`
  }

  /** By its address: a process that is started again there takes the place of the one before. */
  master(info: MasterInfo): string {
    return `${this.masters}${formatAddress(info)}`
  }
}

export function leaderText({ master, epoch }: Leader): string {
  return JSON.stringify({ ...fieldsOf(master), epoch })
}

/** @throws Error, as all of these: it is nothing that a master has written */
export function readLeader(text: string): Leader {
  const fields = JSON.parse(text) as MasterInfo & { epoch: number }
  return { master: checkMaster(fields), epoch: readEpoch(fields.epoch) }
}

export function mastersText(masters: readonly MasterInfo[]): string {
  return JSON.stringify(masters.map(fieldsOf))
}

export function readMasterList(text: string): MasterInfo[] {
  const list = JSON.parse(text) as MasterInfo[]
  if (!Array.isArray(list)) throw new Error('no list of masters')
  return list.map(checkMaster)
}

export function readEpoch(value: unknown): number {
  const epoch = typeof value === 'string' ? Number(value) : value
  if (Number.isSafeInteger(epoch) && (epoch as number) >= 0) return epoch as number
  throw new Error(`no epoch: ${String(value)}`)
}

function fieldsOf({ id, host, port, httpPort, machine }: MasterInfo): MasterInfo {
  return { id, host, port, httpPort, machine }
}

function checkMaster(fields: MasterInfo): MasterInfo {
  const { id, host, port, httpPort, machine } = fields
  const isSound =
    [id, host, machine].every((text) => typeof text === 'string') && [port, httpPort].every(Number.isInteger)
  if (!isSound) throw new Error('no master')
  return fieldsOf(fields)
}
