import assert from 'node:assert/strict'
import { it } from 'node:test'
import { WakefulClock } from './wakeful-clock.js'

/** The clocks of a machine as Linux has them. */
class Machine {
  monotonic = 1000
  wall = 1_700_000_000_000
  uptime = 50_000
  /** How long the process does not run after each look at the uptime, once for each number. */
  pauses: number[] = []
  uptimeReads = 0
  readonly clock: WakefulClock

  constructor() {
    this.clock = new WakefulClock({
      monotonicMs: () => this.monotonic,
      wallTimeMs: () => this.wall,
      // To a hundredth of a second, as /proc/uptime has it.
      uptimeMs: () => {
        this.uptimeReads++
        const uptime = Math.floor(this.uptime / 10) * 10
        this.run(this.pauses.shift() ?? 0)
        return uptime
      },
    })
  }

  run(ms: number): void {
    this.monotonic += ms
    this.sleep(ms)
  }

  sleep(ms: number): void {
    this.wall += ms
    this.uptime += ms
  }
}

it('goes on while the machine sleeps', () => {
  const machine = new Machine()
  const before = machine.clock.now()
  machine.run(17)
  machine.sleep(3000)
  assertAbout(machine.clock.now() - before, 3017)
  machine.run(200)
  machine.sleep(600)
  machine.run(100)
  assertAbout(machine.clock.now() - before, 3917)
})

it('does not jump with the time of day', () => {
  const machine = new Machine()
  const before = machine.clock.now()
  for (const jump of [3_600_000, -7_200_000, 100]) {
    machine.wall += jump
    machine.run(5)
    machine.clock.now()
  }
  assert.equal(machine.clock.now() - before, 15)
  // Also when a sleep comes after.
  machine.sleep(2000)
  assertAbout(machine.clock.now() - before, 2015)
})

it('looks at the uptime only when the time of day has jumped', () => {
  const machine = new Machine()
  const reads = machine.uptimeReads
  for (let n = 0; n < 1000; n++) {
    // A time of day that is being put right goes a little faster.
    machine.wall += 5
    machine.run(1000)
    machine.clock.now()
  }
  assert.equal(machine.uptimeReads, reads)
})

it('takes no pause of the process for a sleep', () => {
  const machine = new Machine()
  const before = machine.clock.now()
  machine.wall += 1000
  machine.pauses = [4000, 60]
  assert.equal(machine.clock.now() - before, 0)
  assert.equal(machine.clock.now() - before, 4060)
})

/** The uptime is known to 10 ms. */
function assertAbout(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) <= 10, `${actual} instead of ${expected}`)
}
