import { PROBE_TIMEOUT_MS } from '@icf/common'
import type { Finding } from './events.js'

/** The master's own dial takes up to PROBE_TIMEOUT_MS; its result must not come too late for its round. */
const ROUND_TIMEOUT_MS = PROBE_TIMEOUT_MS + 50
/** A killed process' port can take a moment to be released. */
const RETRY_AFTER_MS = 50

/** A term has far fewer that are still to be answered when it ends. */
const PROBES_OF_A_TERM = 2 ** 20
/** So that numbers of probes stay below 2^52. */
const NUMBERED_TERMS = 2 ** 32

/** The one voter that is no cache server: the master itself. */
const MASTER = ''

interface Round {
  readonly probe: number
  readonly deadlineAt: number
  /** Who has not answered yet: ids of servers, and MASTER. */
  readonly waiting: Set<string>
  /** The master found another process at the address: proof enough without the others. */
  isReplaced: boolean
}

interface Suspect {
  attemptsLeft: number
  retryAt: number
  round: Round | undefined
}

export interface Verdict {
  readonly id: string
  readonly reason: 'process gone' | 'replaced'
}

/**
 * The fast path of the failure detector. Of each suspect there is one round at a time: the master and some peers look
 * who is at its address, and only when all of them say `gone` the process is gone. Anything else leaves the decision
 * to silence.
 */
export class Suspicions {
  readonly #suspects = new Map<string, Suspect>()
  #nextProbe: number

  /** @param epoch of the term: links outlive it, and what was asked in one is not answered in another */
  constructor(epoch: number) {
    this.#nextProbe = (epoch % NUMBERED_TERMS) * PROBES_OF_A_TERM + 1
  }

  /** Asks for up to `attempts` rounds from now on; more when more are asked for already. */
  raise(id: string, attempts: number, now: number): void {
    const suspect = this.#suspects.get(id)
    if (suspect) suspect.attemptsLeft = Math.max(suspect.attemptsLeft, attempts)
    else this.#suspects.set(id, { attemptsLeft: attempts, retryAt: now, round: undefined })
  }

  clear(id: string): void {
    this.#suspects.delete(id)
  }

  /** Those whose next round is to begin. */
  due(now: number): string[] {
    const isDue = ({ round, retryAt }: Suspect): boolean => round === undefined && retryAt <= now
    return [...this.#suspects].filter(([, suspect]) => isDue(suspect)).map(([id]) => id)
  }

  /** Begins a round in which the master and `peers` are asked. @returns the probe's number */
  begin(id: string, peers: readonly string[], now: number): number {
    const suspect = this.#suspects.get(id)!
    const probe = this.#nextProbe++
    suspect.attemptsLeft--
    const deadlineAt = now + ROUND_TIMEOUT_MS
    suspect.round = { probe, deadlineAt, waiting: new Set([MASTER, ...peers]), isReplaced: false }
    return probe
  }

  /** What the master found. */
  found(probe: number, finding: Finding, now: number): Verdict | undefined {
    const at = this.#find(probe)
    if (!at) return undefined
    const { id, suspect, round } = at
    if (finding.outcome === 'gone' && finding.foundId !== undefined && finding.foundId !== id) {
      round.isReplaced = true
      round.waiting.clear()
    }
    return this.#vote(id, suspect, round, MASTER, finding.outcome === 'gone', now)
  }

  /** What a peer found. */
  heard(probe: number, peer: string, isGone: boolean, now: number): Verdict | undefined {
    const at = this.#find(probe)
    if (!at || !at.round.waiting.has(peer)) return undefined
    return this.#vote(at.id, at.suspect, at.round, peer, isGone, now)
  }

  /** A peer was lost: it is not asked any more. What the others say may be a verdict now. */
  withdraw(peer: string, now: number): Verdict[] {
    const verdicts: Verdict[] = []
    for (const [id, suspect] of this.#suspects) {
      const { round } = suspect
      if (!round?.waiting.has(peer)) continue
      const verdict = this.#vote(id, suspect, round, peer, true, now)
      if (verdict) verdicts.push(verdict)
    }
    return verdicts
  }

  tick(now: number): void {
    for (const [id, suspect] of this.#suspects)
      if (suspect.round && suspect.round.deadlineAt <= now) this.#fail(id, suspect, now)
  }

  #vote(id: string, suspect: Suspect, round: Round, voter: string, isGone: boolean, now: number) {
    if (!isGone) {
      this.#fail(id, suspect, now)
      return undefined
    }
    round.waiting.delete(voter)
    if (round.waiting.size > 0) return undefined
    // The round is over whatever the caller makes of the verdict.
    this.#fail(id, suspect, now)
    return { id, reason: round.isReplaced ? ('replaced' as const) : ('process gone' as const) }
  }

  #fail(id: string, suspect: Suspect, now: number): void {
    suspect.round = undefined
    suspect.retryAt = now + RETRY_AFTER_MS
    if (suspect.attemptsLeft <= 0) this.#suspects.delete(id)
  }

  #find(probe: number): { id: string; suspect: Suspect; round: Round } | undefined {
    for (const [id, suspect] of this.#suspects)
      if (suspect.round?.probe === probe) return { id, suspect, round: suspect.round }
    return undefined
  }
}
