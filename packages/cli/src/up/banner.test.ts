import assert from 'node:assert/strict'
import { test } from 'node:test'
import { styleFor } from '../style.js'
import { bannerLines, commandName } from './banner.js'

const cluster = (port: number, host = '127.0.0.1') => ({
  masters: [{ id: 'm', pid: 1, host, port, httpPort: port + 80, role: 'active' }],
  servers: [100, 101].map((offset) => ({
    ...{ id: 's', pid: port + offset, host, port: port + offset, respPort: 0 },
  })),
})

test('the commands to type work as they stand', () => {
  const input = { cluster: cluster(7000), clusterName: 'icf', folder: '.icf', icf: 'npx icf' }
  const text = bannerLines(input, styleFor({})).join('\n')
  assert.match(text, /^ {2}npx icf status {2}/m)
  assert.match(text, /^ {2}kill -9 7101 +the cache server 127\.0\.0\.1:7101 dies$/m)
  assert.match(text, /http:\/\/127\.0\.0\.1:7080/)
})

test('the active one of several masters is one to kill, too', () => {
  const two = cluster(7000)
  two.masters.push({ ...two.masters[0]!, pid: 2, port: 7001 })
  two.masters[0]!.role = 'standby'
  const input = { cluster: two, clusterName: 'icf', folder: '.icf', icf: 'npx icf' }
  const text = bannerLines(input, styleFor({})).join('\n')
  assert.match(text, /^ {2}npx icf status {2}/m)
  assert.match(text, /^ {2}kill -9 2 +so does the active master, 127\.0\.0\.1:7001$/m)
})

test('what differs from the defaults is part of the commands', () => {
  const input = { cluster: cluster(9000), clusterName: 'mine', folder: '.icf', icf: 'icf' }
  const text = bannerLines(input, styleFor({})).join('\n')
  assert.match(text, /^ {2}icf get greeting --masters 127\.0\.0\.1:9000 --cluster mine/m)
})

test('the addresses of IPv6 have their brackets, and a shell leaves those alone', () => {
  const input = { cluster: cluster(7000, '::1'), clusterName: 'icf', folder: '.icf', icf: 'icf' }
  const text = bannerLines(input, styleFor({})).join('\n')
  assert.match(text, /^ {2}icf status --masters "\[::1\]:7000" /m)
  assert.match(text, /the cache server \[::1\]:7101 dies$/m)
  assert.match(text, /http:\/\/\[::1\]:7080\/metrics/)
})

test('the command is called as people call it', () => {
  assert.equal(commandName('/usr/local/bin/icf', {}), 'icf')
  assert.equal(commandName('/x/node_modules/.bin/icf', {}), 'npx icf')
  assert.equal(commandName('/x/packages/cli/dist/main.js', { npm_lifecycle_event: 'start' }), 'npx icf')
  assert.equal(
    commandName(`${process.cwd()}/packages/cli/dist/main.js`, {}),
    'node packages/cli/dist/main.js',
  )
})
