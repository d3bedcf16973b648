// `icf cache --processes 2` on two machines, as far as icf knows, under load: what happens to one of its processes, or to
// the one that started them, clients may notice only by a slow call.
import assert from 'node:assert/strict'
import { totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { after, before, describe, it } from 'node:test'
import { connect, type Client } from '@icf/client'
import type { LoggedEvent, Status } from '@icf/common'
import { waitUntil } from '@icf/testkit/wait'
import { askMaster } from '../support/admin.js'
import { Child } from '../support/child.js'
import { icf, runIcf } from '../support/icf.js'
import { freeBasePort } from '@icf/testkit/ports'
import { ProcessRow, type Process } from '../support/process-row.js'
import { WatchedCache } from '../support/watched-cache.js'
import { NO_VIOLATIONS, Workload } from '../support/workload/workload.js'

const KEYS = 2000
const MIB = 1024 ** 2
/** Half of it is more than V8 lets a process have by itself. */
const MEMORY = '12gb'
const MEMORY_OF_EACH = 6 * 1024 ** 3
/** Calls that must have ended before a fault, and again after it. */
const CALLS_AROUND_FAULT = 1000
const HTTP_PORT_OFFSET = 80
/** Deaths are found by the closed port here: who is only slow, for want of a core, is not to be taken for dead. */
const PATIENCE = ['--lease', '3s', '--dead-after', '6s']
const CALL_TIMEOUT_MS = 60_000
const SETTLE_TIMEOUT_MS = 120_000
const READY = fileURLToPath(new URL('../../../deploy/kubernetes/ready.mjs', import.meta.url))

describe('several processes of one machine', () => {
  let master: Child
  let address: string
  let client: Client
  let cache: WatchedCache
  let workload: Workload
  const rows = new Map<string, ProcessRow>()

  before(async () => {
    const port = await freeBasePort([0, HTTP_PORT_OFFSET])
    address = `127.0.0.1:${port}`
    master = icf(['master', '--port', port, '--data-dir', 'none', ...PATIENCE])
    await Promise.all([startRow('A'), startRow('B')])
    await settledWith(4)
    client = await connect({
      masters: [address],
      timeoutMs: CALL_TIMEOUT_MS,
      connectTimeoutMs: CALL_TIMEOUT_MS,
    })
    cache = new WatchedCache(client)
    workload = new Workload(cache, { keys: KEYS, writers: 8, readers: 8 })
    await workload.load()
  })

  after(async () => {
    await client?.close()
    master.signal('SIGKILL')
    await Promise.all([master.exited, ...[...rows.values()].map((row) => row.kill())])
  })

  it('are cache servers of their own, and no slot has both copies on one machine', async () => {
    const { servers, slotsOnOneMachine } = await status()
    assert.equal(slotsOnOneMachine, 0)
    for (const [machine, row] of rows) {
      const own = servers.filter((server) => server.machine === machine).sort((a, b) => a.port - b.port)
      assert.deepEqual(
        own.map(({ id, port, weight, maxMemoryBytes }) => [id, port, weight, maxMemoryBytes]),
        (await inOrder(row)).map(({ id, port }) => [id, port, 0.5, MEMORY_OF_EACH]),
      )
    }
  })

  it('are ready when all of them are', async () => {
    assert.deepEqual(await ready('2'), { code: 0, stderr: '' })
    const { port } = rows.get('A')!
    assert.match((await ready('3')).stderr, new RegExp(`the server at port ${port + 2} is no member`))
    assert.match((await ready('auto')).stderr, /ICF_PROCESSES=auto: write a number/)
  })

  it('one that is killed is replaced, and started again', async () => {
    await endure(async () => {
      const row = rows.get('A')!
      const [killed] = await inOrder(row)
      process.kill(killed!.pid, 'SIGKILL')
      const [successor] = await inOrder(row, 3)
      assert.notEqual(successor!.id, killed!.id)
      const said = `cache server 127.0.0.1:${killed!.port} (pid ${killed!.pid}) was killed by SIGKILL; starting it again`
      assert.ok(row.supervisor.stderr.includes(said), row.supervisor.stderr)
      await settledWith(4, ({ servers }) => servers.some(({ id }) => id === successor!.id))
    })
  })

  it('are killed at once, as when the machine dies: the other one has all that they had', async () => {
    await endure(async () => {
      const row = rows.get('A')!
      await row.kill()
      await settledWith(2, ({ servers }) => servers.every(({ machine }) => machine === 'B'))
    })
  })

  it('hand everything over together when the one that started them gets SIGTERM', async () => {
    await startRow('A')
    await settledWith(4, ({ slotsOnOneMachine }) => slotsOnOneMachine === 0)
    await endure(async () => {
      const row = rows.get('A')!
      await withoutDeath(async () => {
        row.supervisor.signal('SIGTERM')
        assert.deepEqual(await row.exited, { code: 0, signal: null })
        await settledWith(2)
      })
    })
  })

  it('hand everything over and end by themselves when the one that started them is killed', async () => {
    await startRow('A')
    await settledWith(4)
    await endure(async () => {
      const row = rows.get('A')!
      await withoutDeath(async () => {
        row.supervisor.signal('SIGKILL')
        assert.deepEqual(await row.exited, { code: null, signal: 'SIGKILL' })
        await settledWith(2)
      })
    })
  })

  async function startRow(machine: string): Promise<void> {
    const port = rows.get(machine)?.port ?? (await freeBasePort([0, 1, 2])) // the third: nobody's
    const row = new ProcessRow(port, 2, [
      ...['--machine', machine, '--masters', address, '--max-memory', MEMORY],
    ])
    rows.set(machine, row)
    await row.listening()
  }

  async function inOrder(row: ProcessRow, starts?: number) {
    return (await row.listening(starts)).sort((a, b) => a.port - b.port)
  }

  async function status(): Promise<Status> {
    return (await askMaster([address], 'icf', 'STATUS')) as Status
  }

  async function settledWith(count: number, holds: (status: Status) => boolean = () => true): Promise<void> {
    const isSo = async (): Promise<boolean> => {
      const seen = await status()
      return seen.settled && seen.servers.length === count && holds(seen)
    }
    await waitUntil(isSo, {
      what: `all to be settled with ${count} servers`,
      timeoutMs: SETTLE_TIMEOUT_MS,
    })
  }

  async function eventsSince(since: number): Promise<readonly LoggedEvent[]> {
    const args = { since, follow: false }
    return ((await askMaster([address], 'icf', 'EVENTS', args)) as { events: LoggedEvent[] }).events
  }

  /** Who hands everything over is not declared dead. */
  async function withoutDeath(end: () => Promise<void>): Promise<void> {
    const last = (await eventsSince(0)).at(-1)!.n
    await end()
    const deaths = (await eventsSince(last)).filter(({ type }) => type === 'REFLESH_IP')
    assert.deepEqual(deaths, [])
  }

  /** Runs a fault under load, which returns when all is settled, and requires that no call failed or showed a wrong thing. */
  async function endure(fault: () => Promise<void>): Promise<void> {
    const sweptBefore = workload.report().sweptKeys
    workload.start()
    try {
      await workload.progress(CALLS_AROUND_FAULT)
      await fault()
      await workload.progress(CALLS_AROUND_FAULT)
      await workload.stop()
      await workload.sweep()
      const { violations, errors, details, sweptKeys } = workload.report()
      assert.deepEqual({ ...violations, errors }, { ...NO_VIOLATIONS, errors: 0 }, details.join('\n'))
      assert.equal(sweptKeys - sweptBefore, KEYS)
    } catch (error) {
      for (const child of [master, ...[...rows.values()].map(({ supervisor }) => supervisor)])
        console.error(child.transcript())
      throw error
    } finally {
      await workload.stop()
    }
  }

  async function ready(count: string): Promise<{ code: number | null; stderr: string }> {
    const env = {
      ICF_HOST: '127.0.0.1',
      ICF_PORT: String(rows.get('A')!.port),
      ICF_MASTERS: address,
      ICF_PROCESSES: count,
    }
    const probe = new Child('ready.mjs', [READY], env)
    const { code } = await probe.exited
    return { code, stderr: probe.stderr }
  }
})

describe('the supervisor of several processes', () => {
  it('ends all of them with exit code 2 when one says that the command line is wrong', async () => {
    const port = await freeBasePort([0, 1])
    const name = 'x'.repeat(300)
    const { code, stderr } = await runIcf(['cache', '--processes', 2, '--port', port, '--machine', name])
    assert.equal(code, 2, stderr)
    assert.match(stderr, /^icf: machine must be 1 to 255 characters$/m)
    assert.match(stderr, /ended with exit code 2: machine must be .* all others end, too/)
    assert.doesNotMatch(stderr, /starting it again/)
  })

  it('ends all of them at once at a second signal, also one that does nothing any more', async () => {
    await whileOneStandsStill(async (row) => {
      await row.says('a second signal ends them at once')
      row.supervisor.signal('SIGINT')
      assert.deepEqual(await row.exited, { code: 130, signal: null })
    })
  })

  it('exits with the worst exit code of those that end with it', async () => {
    await whileOneStandsStill(async (row, still) => {
      await row.says('handed everything off and left')
      process.kill(still.pid, 'SIGKILL')
      assert.deepEqual(await row.exited, { code: 3, signal: null })
    })
  })

  it('warns of more memory for all of them than the machine has', async () => {
    const mib = Math.ceil((1.5 * totalmem()) / MIB)
    const row = await lonelyRow('--max-memory', `${mib}mb`)
    try {
      await row.says(`"msg":"--max-memory is ${mib}mb, and this machine, or container, has `)
      await row.listening()
    } finally {
      await row.kill()
    }
  })

  /** Of two processes, which find no master. */
  async function lonelyRow(...args: string[]): Promise<ProcessRow> {
    return new ProcessRow(await freeBasePort([0, 1]), 2, ['--masters', '127.0.0.1:1', ...args])
  }

  /** SIGTERM has come, and one of the two does nothing any more. */
  async function whileOneStandsStill(use: (row: ProcessRow, still: Process) => Promise<void>): Promise<void> {
    const row = await lonelyRow()
    try {
      const [still] = await row.listening()
      process.kill(still!.pid, 'SIGSTOP')
      row.supervisor.signal('SIGTERM')
      await use(row, still!)
    } finally {
      await row.kill()
    }
  }
})
