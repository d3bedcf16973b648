import type { Fault } from '../faults.js'
import type { Trouble } from '../trouble.js'
import type { MasterTroubles } from './master-troubles.js'

/** What goes wrong, beside all else, where there are several masters. */
export function faultsOfMasters(masters: MasterTroubles, trouble: Trouble): Record<string, Fault> {
  return {
    'restart a spare master': { weight: 4, begin: () => masters.restartSpare() },
    'pause a spare master': { weight: 4, begin: () => masters.pauseSpare() },
    'cut a spare master off': { weight: 3, begin: () => masters.cutSpareOff() },
    'lose state of a spare master': { weight: 3, isAlone: true, begin: () => masters.loseState() },
    'restart any master': { weight: 2, isHarsh: true, begin: () => masters.restartAny() },
    'restart all masters': { weight: 3, isHarsh: true, begin: () => masters.restartAll() },
    'pause all masters': {
      weight: 1,
      isHarsh: true,
      begin: () => trouble.pause(masters.processes),
    },
    'pause master as it decides': {
      weight: 3,
      isHarsh: true,
      begin: () => masters.interruptDecision(false),
    },
    'restart master as it decides': {
      weight: 3,
      isHarsh: true,
      begin: () => masters.interruptDecision(true),
    },
    'cut masters apart': { weight: 2, isHarsh: true, begin: () => masters.cutApart() },
    'cut master from some': { weight: 2, isHarsh: true, begin: () => masters.cutFromSome() },
    'cut master from servers': { weight: 1, isHarsh: true, begin: () => masters.cutFromServers() },
    'restart a bound master': { weight: 3, isHarsh: true, begin: () => masters.restartBound() },
    'restart all masters on slow disks': {
      weight: 2,
      isHarsh: true,
      begin: () => masters.restartAllOnSlowDisks(),
    },
    'part the voters': { weight: 3, isHarsh: true, begin: () => masters.partVoters() },
    'slow disk of a master': { weight: 1, isHarsh: true, begin: () => trouble.slowDisk(masters.any()) },
    'full disk of a master': { weight: 1, isHarsh: true, begin: () => trouble.fullDisk(masters.any()) },
  }
}
