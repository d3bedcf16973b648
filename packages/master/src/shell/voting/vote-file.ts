import { createHash } from 'node:crypto'
import { IcfError, type BallotState, type Council, type KeptState } from '@icf/common'
import { replaceFile } from '../replace-file.js'
import { checkCluster, decodeState, hasVote, readStateText } from '../state-file.js'

/** What a master keeps of itself as a voter. */
export interface StoredVote extends BallotState<KeptState> {
  /** Its id, by which it is known as the same voter. */
  readonly masterId: string
}

/** What a master without a standby has stored: its state, and no vote. */
export interface StoredAlone {
  readonly body: Uint8Array
}

const FORMAT = 1

/** The line above the state. */
interface VoteLine {
  readonly sha256: string
  readonly vote: {
    readonly format: number
    readonly cluster: string
    readonly master: string
    readonly epoch: number
    /** Of the state below. */
    readonly kept: (Omit<KeptState, 'body' | 'former'> & { readonly former: Council | null }) | null
  }
}

/**
 * @returns undefined when there is no file yet
 * @throws IcfError STATE_UNAVAILABLE when the file is damaged or of another release, INVALID_ARGUMENT when it can not be
 *   read or is another cluster's. A vote is never taken for one that was not given.
 */
export async function loadVote(path: string, cluster: string): Promise<StoredVote | StoredAlone | undefined> {
  const text = await readStateText(path)
  if (text === undefined) return undefined
  const { stored, ofCluster } = decodeVote(text, path)
  checkCluster(path, ofCluster, cluster)
  return stored
}

/** Safe when it resolves. */
export function saveVote(path: string, cluster: string, stored: StoredVote): Promise<void> {
  return replaceFile(path, encodeVote(cluster, stored))
}

/** The vote, a line; and below it the state, as a master without a standby has it, if there is one. */
export function encodeVote(cluster: string, { masterId, epoch, accepted }: StoredVote): string {
  const state = accepted ? Buffer.from(accepted.body).toString('utf8') : ''
  const vote: VoteLine['vote'] = {
    format: FORMAT,
    cluster,
    master: masterId,
    epoch,
    kept: accepted ? councilsOf(accepted) : null,
  }
  return `${JSON.stringify({ sha256: digest(state, vote), vote } satisfies VoteLine)}\n${state}`
}

/** @throws IcfError STATE_UNAVAILABLE */
export function decodeVote(
  text: string,
  path: string,
): { readonly stored: StoredVote | StoredAlone; readonly ofCluster: string } {
  const end = text.indexOf('\n') + 1
  const line = text.slice(0, end)
  if (!hasVote(text))
    return { stored: { body: Buffer.from(text) }, ofCluster: decodeState(text, path).cluster }
  const { sha256, vote } = parse(line, path)
  const state = text.slice(end)
  if (sha256 !== digest(state, vote)) throw damaged(path, 'the checksum of the vote is wrong')
  if (vote.format !== FORMAT)
    throw new IcfError(
      'STATE_UNAVAILABLE',
      `${path} was written by another release of icf (format ${String(vote.format)} of the vote)`,
    )
  const { cluster: ofCluster, master: masterId, epoch, kept } = vote
  const accepted = kept
    ? { ...kept, former: kept.former ?? undefined, body: new Uint8Array(Buffer.from(state)) }
    : undefined
  return { stored: { masterId, epoch, accepted }, ofCluster }
}

function councilsOf({ epoch, version, voters, masters, former }: KeptState): VoteLine['vote']['kept'] {
  return { epoch, version, voters, masters, former: former ?? null }
}

function parse(line: string, path: string): VoteLine {
  try {
    return JSON.parse(line) as VoteLine
  } catch (cause) {
    throw damaged(path, (cause as Error).message)
  }
}

function digest(state: string, vote: VoteLine['vote']): string {
  return createHash('sha256').update(state).update(JSON.stringify(vote)).digest('hex')
}

function damaged(path: string, why: string): IcfError {
  return new IcfError(
    'STATE_UNAVAILABLE',
    `${path} is damaged (${why}): move it away, and this master joins the others as a new one, or begins a new cluster`,
  )
}
