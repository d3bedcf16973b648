import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { UpOptions } from '../commands/up.js'
import { masterAddresses, refuseOneForAll, serverArgs } from './arguments.js'
import { planPorts } from './port-plan.js'

const options: UpOptions = {
  ...{
    servers: 3,
    masters: 1,
    basePort: 7000,
    dir: '.icf',
    host: '127.0.0.1',
    cluster: 'icf',
    coordination: 'embedded',
  },
}
const plan = planPorts(7000, 1, 3)

test('the masters are written so that they can be read again', () => {
  assert.equal(masterAddresses(planPorts(7000, 2, 1), '127.0.0.1'), '127.0.0.1:7000,127.0.0.1:7001')
  assert.equal(masterAddresses(planPorts(7000, 1, 1), '::1'), '[::1]:7000')
})

test('zones and weights are dealt out in turn', () => {
  const given = { ...options, zone: 'a, b', weight: '1,2.5', respPort: 0 }
  const args = [0, 1, 2].map((index) => serverArgs(given, plan, index).join(' '))
  const masters = '--masters 127.0.0.1:7000'
  assert.deepEqual(args, [
    `${masters} --zone a --weight 1 --resp-port 0`,
    `${masters} --zone b --weight 2.5 --resp-port 0`,
    `${masters} --zone a --weight 1 --resp-port 0`,
  ])
})

test('what is not given is not passed on', () => {
  assert.deepEqual(serverArgs(options, plan, 0), ['--masters', '127.0.0.1:7000'])
})

test('one port is not enough for several processes, but none and one for one are', () => {
  assert.throws(() => refuseOneForAll({ ...options, masters: 2, httpPort: 8080 }), { exit: 2 })
  assert.throws(() => refuseOneForAll({ ...options, respPort: 6379 }), { exit: 2 })
  refuseOneForAll({ ...options, masters: 2, httpPort: 0, respPort: 0 })
  refuseOneForAll({ ...options, servers: 1, httpPort: 8080, respPort: 6379 })
})
