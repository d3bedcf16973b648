import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from 'commander'
import { makeProgram } from '../program.js'
import { addPassedOnOptions, passedOnArgs, passedOnMemory } from './passed-on.js'

function parsed(...args: string[]): Command {
  const up = new Command('up').exitOverride().configureOutput({ outputError: () => undefined })
  addPassedOnOptions(up)
  return up.parse(args, { from: 'user' })
}

test('each kind of process gets what is an option of its own, as it was given', () => {
  const up = parsed(
    ...['--cluster', 'mine', '--max-memory', '1.5gb', '--advertise-host', 'me'],
    ...['--lease', '2s', '--dead-after', '3s', '--coordination', 'etcd', '--etcd', 'http://e:2379'],
  )
  assert.deepEqual(passedOnArgs(up, 'cache').sort(), [
    ...['--advertise-host', '--cluster', '--max-memory', '1.5gb', 'me', 'mine'],
  ])
  assert.deepEqual(passedOnArgs(up, 'master'), [
    ...['--advertise-host', 'me'],
    ...['--cluster', 'mine'],
    ...['--coordination', 'etcd'],
    ...['--etcd', 'http://e:2379'],
    ...['--lease', '2s'],
    ...['--dead-after', '3s'],
  ])
})

test('the processes know their own defaults', () => {
  assert.deepEqual([...passedOnArgs(parsed(), 'master'), ...passedOnArgs(parsed(), 'cache')], [])
})

test('what the environment says is passed on, too', () => {
  process.env.ICF_MAX_MEMORY = '300mb'
  try {
    assert.deepEqual(passedOnArgs(parsed(), 'cache'), ['--max-memory', '300mb'])
  } finally {
    delete process.env.ICF_MAX_MEMORY
  }
})

test('what each cache server may take is known, given or not', () => {
  assert.equal(passedOnMemory(parsed('--max-memory', '1.5gb')), 1.5 * 1024 ** 3)
  assert.equal(passedOnMemory(parsed()), 256 * 1024 ** 2)
})

test('what the processes would refuse is refused before they start', () => {
  assert.throws(() => parsed('--max-memory', '256'), /Write a size like/)
  assert.throws(() => parsed('--coordination', 'zookeeper'), /Allowed choices/)
})

test('icf up takes every option of icf master and icf cache', async () => {
  const { commands } = await makeProgram()
  const optionsOf = (name: string): (string | undefined)[] =>
    commands.find((command) => command.name() === name)!.options.map(({ long }) => long)
  const own = optionsOf('up')
  for (const name of ['master', 'cache'])
    for (const option of optionsOf(name)) assert.ok(own.includes(option), `${name} ${option}`)
})
