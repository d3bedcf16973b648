import type { RingSettings, Timing } from '@icf/common'
import type { Address } from '@icf/common/node'
import type { Logger } from 'pino'
import type { AuditSchedule } from './audit-schedule.js'
import type { Coordination } from './coordination.js'

export interface MasterOptions {
  /** To listen at; port 0: any that is free. */
  readonly address: Address
  /** Where others reach it. Default: the host at which it listens. */
  readonly advertiseHost?: string
  /** What dies at once with it; '': nobody knows. */
  readonly machine?: string
  /** Port for metrics, health and the JSON API; 0: any that is free; none without it. */
  readonly httpPort?: number
  readonly cluster: string
  readonly coordination: Coordination
  readonly timing: Timing
  /** For a new cluster; a stored one keeps its own. */
  readonly ring: RingSettings
  /** Of a new cluster; all its processes must have the same. Default SLOT_COUNT. */
  readonly slotCount?: number
  /** A server that is silent for this long is given up with what only it has. Default one hour. */
  readonly forgetAfterMs?: number
  /** When all slots are compared with their backups. Default: only when somebody asks for it. */
  readonly auditSchedule?: AuditSchedule
  readonly logger: Logger
}
