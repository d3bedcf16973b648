/**
 * Test files that take more than ten seconds, the longest first. One that is missing here, or gone, costs time and nothing else.
 * That of the simulator is not here: it has a process for each of two cores, so that it may well be the last.
 */
export const LONG_FILES = [
  'packages/master/src/shell/voting/voting-coordination.test.ts',
  'test/simulation/short-terms.test.ts',
  'test/faults/pause.test.ts',
  'test/integration/command-line.test.ts',
  'test/integration/newcomer.test.ts',
  'test/integration/memory.test.ts',
  'test/integration/kubernetes.test.ts',
  'test/integration/large-value.test.ts',
  'test/integration/operate.test.ts',
  'test/integration/compose.test.ts',
  'test/faults/partition-masters.test.ts',
  'test/faults/masters-killed.test.ts',
  'test/faults/partition-lasting.test.ts',
  'test/faults/partition-server.test.ts',
  'test/faults/etcd.test.ts',
  'test/faults/partition-master.test.ts',
  'test/faults/silence.test.ts',
  'test/faults/standby.test.ts',
  'test/faults/membership.test.ts',
  'test/faults/partition-between.test.ts',
  'test/faults/mid-move.test.ts',
  'test/faults/master.test.ts',
  'test/faults/processes.test.ts',
  'test/faults/audit.test.ts',
]
