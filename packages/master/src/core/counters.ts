import type { DeathReason } from './events.js'
import type { Burial, StandIn } from './slots.js'

/** What happened since this master started. */
export class Counters {
  commits = 0
  probes = 0
  /** Reports about transitions that were no longer the slot's. */
  rejectedReports = 0
  readonly deaths: Record<DeathReason, number> = {
    silence: 0,
    'process gone': 0,
    replaced: 0,
    forgotten: 0,
  }
  /** Slots whose backup took over. */
  promotedSlots = 0
  /** Slots of which no complete copy was left. */
  lostSlots = 0

  /** Slots of which nobody can say where their data was. */
  forgot(slots: number): void {
    this.lostSlots += slots
  }

  stoodIn({ promoted }: StandIn): void {
    this.promotedSlots += promoted
  }

  died(reason: DeathReason, servers: number, burial: Burial): void {
    this.deaths[reason] += servers
    this.promotedSlots += burial.promoted
    this.lostSlots += burial.lost + burial.partial
  }
}
