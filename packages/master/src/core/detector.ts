import { IcfError, PROBE_TIMEOUT_MS, probeMessage, seatOf } from '@icf/common'
import type { Changes } from './changes.js'
import type { DeathReason, Effect, Finding } from './events.js'
import type { Membership } from './membership.js'
import { Suspicions, type Verdict } from './suspicion.js'

/** Other servers that are asked whether a suspect's process is gone. */
const PROBE_PEERS = 3
/** Rounds after a link broke: a killed process' port can take a moment to be released. */
const ROUNDS_AFTER_LINK_LOSS = 10
/** Rounds after a hint from somebody whose own connection broke. */
const ROUNDS_AFTER_HINT = 2
/** Between two questions whether those that stay silent are gone: there may be hundreds of them. */
const ASK_SILENT_INTERVAL_MS = 1000

/** Members that are dead, all found at once. */
export interface Death {
  readonly ids: readonly string[]
  readonly reason: DeathReason
}

/** Who is dead: by silence, or at once when a broken link makes us look and everybody asked finds the process gone. */
export class Detector {
  readonly #membership: Membership
  readonly #suspicions: Suspicions
  #askAgainAt = -Infinity

  constructor(membership: Membership, epoch: number) {
    this.#membership = membership
    this.#suspicions = new Suspicions(epoch)
  }

  /** Somebody's connection to this server broke. */
  hint(id: string, now: number): void {
    if (this.#membership.get(id)) this.#suspicions.raise(id, ROUNDS_AFTER_HINT, now)
  }

  /** There is a good reason to believe that it is gone: its link broke, or another has taken its address. */
  doubt(id: string, now: number): void {
    this.#suspicions.raise(id, ROUNDS_AFTER_LINK_LOSS, now)
  }

  /** It connected, or is no member any more. */
  clear(id: string): void {
    this.#suspicions.clear(id)
  }

  linkLost(id: string, now: number): Death[] {
    this.doubt(id, now)
    const verdicts = this.#suspicions.withdraw(id, now)
    return verdicts.map((verdict) => this.#judge(verdict, now)).filter((death) => death !== undefined)
  }

  /** What the master itself found. */
  found(probe: number, finding: Finding, now: number): Death | undefined {
    return this.#judge(this.#suspicions.found(probe, finding, now), now)
  }

  /** What a peer found. */
  heard(probe: number, peer: string, isGone: boolean, now: number): Death | undefined {
    return this.#judge(this.#suspicions.heard(probe, peer, isGone, now), now)
  }

  /** @returns ids of the members that have been silent for too long; whether their process is gone is asked on and on */
  tick(now: number): string[] {
    this.#suspicions.tick(now)
    const { silence, reachability } = this.#membership
    const ids = silence.tick(now, reachability.isolated)
    if (ids.length > 0 && now >= this.#askAgainAt) {
      this.#askAgainAt = now + ASK_SILENT_INTERVAL_MS
      for (const id of ids) this.hint(id, now)
    }
    return ids
  }

  /** Asks about every suspect whose turn it is. */
  beginProbes(changes: Changes, now: number): Effect[] {
    const effects: Effect[] = []
    for (const id of this.#suspicions.due(now)) {
      const server = changes.draft.servers[seatOf(changes.draft, id)]
      if (!server) {
        this.#suspicions.clear(id)
        continue
      }
      const peers = this.#membership.peersOf(id, PROBE_PEERS, changes)
      const probe = this.#suspicions.begin(
        id,
        peers.map((peer) => peer.id),
        now,
      )
      const { host, port } = server
      effects.push({ type: 'probe', probe, server: { id, host, port }, timeoutMs: PROBE_TIMEOUT_MS })
      const links = peers.map(({ link }) => link)
      if (links.length > 0)
        effects.push({
          type: 'send',
          links,
          message: probeMessage({ number: probe, serverId: id, address: { host, port } }),
        })
    }
    return effects
  }

  #judge(verdict: Verdict | undefined, now: number): Death | undefined {
    const member = verdict && this.#membership.get(verdict.id)
    if (!member || !this.#membership.canBeGone(member, now)) return undefined
    return { ids: [verdict.id], reason: verdict.reason }
  }
}

export function fenced(why: string): IcfError {
  return new IcfError('FENCED', `${why}: rejoin with a new id`)
}
