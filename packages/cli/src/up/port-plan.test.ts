import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MAX_BASE_PORT, MAX_SERVERS, planPorts, PORT_SPAN } from './port-plan.js'

test('the ports that everyone relies on', () => {
  assert.deepEqual(planPorts(7000, 2, 3), {
    masters: [
      { port: 7000, httpPort: 7080 },
      { port: 7001, httpPort: 7081 },
    ],
    servers: [
      { port: 7100, respPort: 7130 },
      { port: 7101, respPort: 7131 },
      { port: 7102, respPort: 7132 },
    ],
  })
})

test('the HTTP of the masters can be elsewhere, or nowhere', () => {
  assert.deepEqual(planPorts(7000, 1, 1, 8080).masters, [{ port: 7000, httpPort: 8080 }])
  assert.deepEqual(planPorts(7000, 1, 1, 0).masters, [{ port: 7000, httpPort: 0 }])
})

test('the largest cluster uses no port twice and stays in its span', () => {
  const { masters, servers } = planPorts(MAX_BASE_PORT, 20, MAX_SERVERS)
  const ports = [...masters, ...servers].flatMap((ports) => Object.values(ports) as number[])
  assert.equal(new Set(ports).size, ports.length)
  assert.ok(Math.max(...ports) < MAX_BASE_PORT + PORT_SPAN)
  assert.ok(Math.max(...ports) <= 65_535)
})
