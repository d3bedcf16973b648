import type { AuditStatus, ClusterEvent } from '@icf/common'

/** What the event log says of an audit that has ended. */
export function auditedEvent({
  slots,
  compared,
  missing,
  extra,
  different,
  unmended,
  ms,
}: AuditStatus): ClusterEvent {
  const figures = [
    [missing, 'missing'],
    [extra, 'extra'],
    [different, 'different'],
    [unmended, 'not mended'],
    [slots - compared, 'slots not compared'],
  ] as const
  const reason = figures.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : [])).join(', ')
  return { type: 'AUDITED', reason: reason || 'nothing differs', slots: compared, ms }
}
