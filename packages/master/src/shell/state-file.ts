import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  decodeTopology,
  encodeTopology,
  IcfError,
  isCount,
  sameTransition,
  SLOT_COUNT,
  Transitions,
  type LoggedEvent,
  type Timing,
  type Topology,
  type Transition,
} from '@icf/common'
import {
  NO_DEPARTURES,
  unsoundSlot,
  type DeparturesState,
  type MasterState,
  type Retired,
} from '../core/index.js'
import { replaceFile } from './replace-file.js'

/** What the state file holds. */
export interface StoredState extends MasterState {
  readonly events: readonly LoggedEvent[]
}

const FORMAT = 1

/** Whether the file has the vote of a master above its state. */
export function hasVote(text: string): boolean {
  return /^\{"sha256":"\w+","vote":\{/.test(text)
}

export function stateFilePath(dataDir: string): string {
  return join(dataDir, 'state.json')
}

/**
 * @returns undefined when there is no file yet: a new cluster
 * @throws IcfError STATE_UNAVAILABLE when the file is damaged or of another release, INVALID_ARGUMENT when it can not be
 *   read or is another cluster's. It is never taken for an empty one: that would throw the cluster's data away.
 */
export async function loadState(path: string, cluster: string): Promise<StoredState | undefined> {
  const text = await readStateText(path)
  if (text === undefined) return undefined
  if (hasVote(text))
    throw new IcfError(
      'INVALID_ARGUMENT',
      `${path} is that of a master with others beside it: start it with --peers, which names them`,
    )
  const state = decodeState(text, path)
  checkCluster(path, state.cluster, cluster)
  return state
}

/** Undefined when there is no file. @throws IcfError INVALID_ARGUMENT when it can not be read */
export async function readStateText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new IcfError('INVALID_ARGUMENT', `can not read ${path}: ${(cause as Error).message}`, { cause })
  }
}

/** @param stored whose the file is. @throws IcfError INVALID_ARGUMENT when it is another cluster's */
export function checkCluster(path: string, stored: string, cluster: string): void {
  if (stored !== cluster)
    throw new IcfError(
      'INVALID_ARGUMENT',
      `${path} belongs to cluster "${stored}", not "${cluster}": check --cluster and --data-dir`,
    )
}

export function saveState(path: string, cluster: string, state: StoredState): Promise<void> {
  return replaceFile(path, encodeState(cluster, state))
}

export function encodeState(
  cluster: string,
  { topology, retired, departures, timing, auditedUntil, events }: StoredState,
): string {
  const wire = encodeTopology({ ...topology, transitions: Transitions.none() })
  const [, epoch, version, ring, servers, primary, backup, , pins, masters] = wire
  const body = JSON.stringify({
    format: FORMAT,
    cluster,
    epoch,
    version,
    ring,
    servers,
    transitions: transitionRuns(topology),
    pins,
    masters,
    primary: Buffer.from(primary as Uint8Array).toString('base64'),
    backup: Buffer.from(backup as Uint8Array).toString('base64'),
    retired: retired.map(({ id, how }) => [id, how]),
    departures,
    timing,
    auditedUntil,
    events,
  })
  return `{"sha256":"${digest(body)}","state":${body}}\n`
}

/** @param slotCount that it must have. @throws IcfError STATE_UNAVAILABLE */
export function decodeState(
  text: string,
  path: string,
  slotCount = SLOT_COUNT,
): StoredState & { readonly cluster: string } {
  const { sha256, state } = parse(text, path) as { sha256: unknown; state: Record<string, unknown> }
  if (typeof state !== 'object' || state === null || digest(JSON.stringify(state)) !== sha256)
    throw damaged(path, 'its checksum is wrong')
  if (state.format !== FORMAT)
    throw new IcfError(
      'STATE_UNAVAILABLE',
      `${path} was written by another release of icf (format ${String(state.format)})`,
    )
  if (!Array.isArray(state.retired)) throw damaged(path, 'it does not say who must not come back')
  return {
    cluster: String(state.cluster),
    topology: readTopology(state, path, slotCount),
    retired: (state.retired as [string, Retired['how']][]).map(([id, how]) => ({ id, how })),
    // The first release did not store these two.
    departures: (state.departures as DeparturesState | undefined) ?? NO_DEPARTURES,
    timing: state.timing as Timing | undefined,
    // Nor did those before audits store this.
    auditedUntil: isCount(state.auditedUntil) ? state.auditedUntil : undefined,
    events: state.events as LoggedEvent[],
  }
}

function parse(text: string, path: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch (cause) {
    throw damaged(path, (cause as Error).message)
  }
  throw damaged(path, 'it is no JSON object')
}

function readTopology(state: Record<string, unknown>, path: string, slotCount: number): Topology {
  const column = (name: string): Uint8Array => new Uint8Array(Buffer.from(String(state[name]), 'base64'))
  const { epoch, version, ring, servers, transitions, pins, masters } = state
  let topology: Topology
  try {
    const columns = [column('primary'), column('backup')]
    const wire = [
      0,
      epoch,
      version,
      ring,
      servers,
      ...columns,
      flatTransitions(transitions as number[]),
      pins,
      // The first release did not store them.
      masters,
    ]
    topology = decodeTopology(wire, undefined, slotCount)!
  } catch (cause) {
    throw damaged(path, (cause as Error).message)
  }
  const slot = unsoundSlot(topology)
  if (slot !== undefined) throw damaged(path, `slot ${slot} is assigned wrongly`)
  return topology
}

/** Flat: first slot, count, to, intent (1: primary), since. A death begins thousands of them that differ little. */
function transitionRuns({ transitions }: Topology): number[] {
  const runs: number[] = []
  let last: Transition | undefined
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    const transition = transitions.get(slot)
    if (transition && sameTransition(last, transition)) runs[runs.length - 4]!++
    else if (transition)
      runs.push(slot, 1, transition.to, transition.intent === 'primary' ? 1 : 0, transition.since)
    last = transition
  }
  return runs
}

/** As a topology has them on the wire. */
function flatTransitions(runs: readonly number[]): number[] {
  const flat: number[] = []
  for (let i = 0; i + 4 < runs.length; i += 5)
    for (let n = 0; n < runs[i + 1]!; n++) flat.push(runs[i]! + n, runs[i + 2]!, runs[i + 3]!, runs[i + 4]!)
  return flat
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

function damaged(path: string, why: string): IcfError {
  return new IcfError(
    'STATE_UNAVAILABLE',
    `${path} is damaged (${why}): move it away, and the master goes on with what the running cache servers know`,
  )
}
