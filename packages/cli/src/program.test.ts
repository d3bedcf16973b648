import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeError } from './errors.js'
import { makeProgram, runProgram } from './program.js'

const names =
  'up master cache get set del ttl where load verify status ring events shutdown forget failover audit'.split(
    ' ',
  )

test('every command is there, with a summary and a description', async () => {
  const { commands } = await makeProgram()
  assert.deepEqual(commands.map((command) => command.name()).sort(), [...names].sort())
  for (const command of commands) {
    assert.ok(command.summary().length > 0)
    assert.ok(command.description().length > command.summary().length, command.name())
  }
})

test('a program of one command has no other, and says the same of it', async () => {
  const all = await makeProgram()
  for (const name of names) {
    const { commands } = await makeProgram(name)
    assert.deepEqual(
      commands.map((command) => command.helpInformation()),
      all.commands.filter((command) => command.name() === name).map((command) => command.helpInformation()),
    )
  }
})

/** They say what one call is to do: in the environment they would mean every later one as well. */
const ONE_SHOT = [
  '--to',
  '--master',
  '--ttl',
  '--file',
  '--prefix',
  '--dry-run',
  '--wait',
  '--follow',
  '--since',
]

test('every option that is no single call’s can be given in the environment, and its name says how', async () => {
  const { commands } = await makeProgram()
  for (const long of ONE_SHOT)
    assert.ok(
      commands.some(({ options }) => options.some((option) => option.long === long)),
      long,
    )
  for (const command of commands)
    for (const { long, envVar, hidden } of command.options) {
      if (hidden) continue
      if (ONE_SHOT.includes(long!)) {
        assert.equal(envVar, undefined, `${command.name()} ${long}`)
        continue
      }
      // The number of masters of a local cluster is not the address of masters.
      const expected = command.name() === 'up' && long === '--masters' ? 'ICF_UP_MASTERS' : envName(long!)
      assert.equal(envVar, expected, command.name())
    }
})

test('what talks to a cluster takes --masters, --cluster, --timeout and --json', async () => {
  for (const command of (await makeProgram()).commands) {
    if (['up', 'master', 'audit', 'cache'].includes(command.name())) continue
    const options = command.options.map(({ long }) => long)
    for (const name of ['--masters', '--cluster', '--timeout', '--json'])
      assert.ok(options.includes(name), `${command.name()} ${name}`)
  }
})

test('values that can not be meant are refused before anything is done', async () => {
  const cases: [string, RegExp][] = [
    ['set a b --ttl 60', /Write a duration like/],
    ['set a b --ttl 0s', /at least 1ms/],
    ['up --servers 0', /from 1 to 30/],
    ['up --base-port 65500', /from 1 to 65376/],
    ['up --max-memory 256', /Write a size like/],
    ['cache --weight -1', /from 0 to 1000/],
    ['cache --port 65536', /from 1 to 65535/],
    ['cache --processes 0', /Write auto, or a whole number from 1 to 128/],
    ['cache --processes many', /Write auto, or a whole number/],
    ['cache --processes 3 --max-memory 128mb', /write --max-memory 384mb or more, or at most --processes 1/],
    ['cache --processes 2 --port 65535', /write --port 65534 or less/],
    ['master --http-port x', /from 0 to 65535/],
    ['master --coordination zookeeper', /Allowed choices are embedded, etcd/],
    ['get a b', /too many arguments/],
    ['get', /missing required argument/],
    ['up --masters 21', /from 1 to 20/],
    ['up --masters 2 --http-port 8080', /2 masters can not share a port/],
    ['up --resp-port 6100', /3 cache servers can not share a port/],
    ['up --processes 2', /--servers says how many/],
    ['up --port 7000', /each process has a port of its own/],
    ['up --peers 127.0.0.1:7001', /know each other/],
    ['up --coordination etcd --etcd http://e:2379 --data-dir x', /the state is in etcd/],
    ['up --weight 1,x', /--weight 1,x: It must be a number/],
    ['up --zone a,', /--zone a,: write one value/],
    ['cache --max-memory much', /--max-memory.*much/],
    ['status --wait --timeout 0s', /--timeout/],
    ['master --lease 5s', /lease/i],
    ['master --lease 100ms', /at least 3 × heartbeatIntervalMs/],
    ['master --peers 127.0.0.1', /host:port/],
    ['master --peers ,', /write --peers host:port/],
    ['master --coordination etcd', /write --etcd http/],
    ['master --coordination etcd --etcd e:2379', /as http:..host:2379/],
    ['cache --resp-port 6100', /not available yet/],
    ['cache --max-memory 1kb', /max-memory must be at least/],
    ['cache --max-memory 33gb', /max-memory of one process is at most 32 GiB.*--processes/],
    ['set a', /VALUE is missing/],
    ['set a b --file c', /not both/],
    ['get a --masters nonsense', /"nonsense" is not an address/],
    ['status --masters ,', /no master is given/],
    ...names.map((name): [string, RegExp] => [`${name} --nope`, /unknown option '--nope'/]),
  ]
  for (const [line, message] of cases)
    await assert.rejects(runProgram(line.split(' ')), (error: Error & { exitCode?: number }) => {
      assert.match(error.message, message, line)
      assert.ok(error.exitCode !== undefined || describeError(error).exit === 2, line)
      return true
    })
})

function envName(long: string): string {
  return `ICF_${long.slice(2).replaceAll('-', '_').toUpperCase()}`
}
