import type { MasterStatus, Runtime } from '@icf/common'
import type { ActiveTerm } from './active-term.js'
import type { Administration } from './admin.js'
import type { EventLog } from './event-log.js'
import { selectServers } from './select.js'
import { statusOf, type SelfDescription } from './status.js'

interface Self extends SelfDescription {
  /** @throws IcfError INVALID_ARGUMENT when there is no other master; as of `Peers` */
  handOver(to: string | undefined): Promise<MasterStatus>
  /** @throws IcfError STANDBY, BUSY */
  audit(): void
  /** @throws IcfError as `handOver` */
  forget(selector: string): Promise<MasterStatus>
}

/**
 * What operators may ask this master for.
 * @param active the term in which it is active; throws IcfError STANDBY when it is not
 */
export function administrationOf(
  runtime: Runtime,
  active: () => ActiveTerm,
  eventLog: EventLog,
  self: Self,
): Administration {
  return {
    status: () => statusOf(active().core.snapshot(runtime.now()), self),
    topology: () => active().core.topology,
    plan: () => active().core.preview([]),
    async shutdown(selectors, isDryRun) {
      const term = active()
      const servers = selectServers(term.core.topology, selectors)
      const plan = term.core.preview(servers)
      if (!isDryRun) await term.order('shutdown', servers)
      return { servers, plan }
    },
    async forget(selectors, isDryRun) {
      const term = active()
      const servers = selectServers(term.core.topology, selectors)
      const slots = term.core.onlyCopiesOf(servers)
      if (!isDryRun) await term.order('forget', servers)
      return { servers, slots }
    },
    async forgetMaster(selector) {
      active()
      const { id, host, port } = await self.forget(selector)
      return { id, host, port }
    },
    async failover(to) {
      const { epoch } = active()
      const { id, host, port } = await self.handOver(to)
      return { epoch, master: { id, host, port } }
    },
    audit(begin) {
      const term = active()
      if (begin) self.audit()
      return term.core.audit(runtime.now()) ?? null
    },
    events(since) {
      active()
      return eventLog.since(since)
    },
    follow(reader) {
      active()
      return eventLog.follow(reader)
    },
  }
}
