import { compareVersions, type Topology } from '@icf/common'
import { CallState, type PendingCall } from './call.js'

/** Calls that no server can get now: each waits for a moment, or for a topology. */
export class Parking {
  #calls: PendingCall[] = []

  /** Until this moment. */
  untilTime(call: PendingCall, wakeAtMs: number): void {
    this.#add(call, wakeAtMs, Infinity, 0)
  }

  /** Until there is an owner. */
  untilOwned(call: PendingCall): void {
    this.#add(call, Infinity, 0, 0)
  }

  /** Until the topology is at least this new, or this moment. */
  untilTopology(call: PendingCall, epoch: number, version: number, wakeAtMs: number): void {
    this.#add(call, wakeAtMs, epoch, version)
  }

  /** Takes out those whose time or topology has come, if someone owns their slot. */
  wake(topology: Topology, nowMs: number, isOwned: (call: PendingCall) => boolean): PendingCall[] {
    if (this.#calls.length === 0) return this.#calls
    const awake: PendingCall[] = []
    this.#calls = this.#calls.filter((call) => {
      if (call.state === CallState.SETTLED) return false
      const isNewEnough =
        compareVersions(topology.epoch, topology.version, call.needEpoch, call.needVersion) >= 0
      if (!((isNewEnough || nowMs >= call.wakeAtMs) && isOwned(call))) return true
      awake.push(call)
      return false
    })
    return awake
  }

  forEach(visit: (call: PendingCall) => void): void {
    for (const call of this.#calls) if (call.state !== CallState.SETTLED) visit(call)
  }

  #add(call: PendingCall, wakeAtMs: number, needEpoch: number, needVersion: number): void {
    call.state = CallState.PARKED
    call.wakeAtMs = wakeAtMs
    call.needEpoch = needEpoch
    call.needVersion = needVersion
    this.#calls.push(call)
  }
}
