import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readRegistration } from './registration.js'

function hostOf(host: string): string {
  const details = [host, 7100, 0, '', 1, 1e6]
  return readRegistration({ id: 'a'.repeat(40), details }).info.host
}

test('a host by which the others can reach a cache server is taken as it is', () => {
  const hosts = [
    ...['127.0.0.1', '10.0.0.0', '255.255.255.255', '1.20.199.249'],
    ...['::1', 'fe80::', '2001:db8::8a2e:370:7334', '1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '::2:3:4:5:6:7:8'],
    ...['::ffff:10.0.0.1', '64:ff9b::192.0.2.33', '1:2:3:4:5:6:10.0.0.1', 'FE80::A'],
    ...[
      'h',
      'cache-0',
      'cache_0',
      'cache-0.cache.svc.cluster.local',
      'example.org.',
      '10.example',
      '3com',
      '1.2.3.4a',
    ],
  ]
  for (const host of hosts) assert.equal(hostOf(host), host)
})

test('any other is refused, with what is wrong', () => {
  const hosts = [
    ...[
      '10.0.0.1:21312',
      'h:1',
      '[::1]',
      '[::1]:1',
      'user@h',
      'x#y',
      'x?y',
      'x/y',
      'x\\y',
      'a%b',
      'a b',
      'h\n',
    ],
    ...['256.0.0.1', '1.2.3', '1.2.3.4.5', '1.2.3.4.', '01.2.3.4', '5', 'a.5', '0x7f', 'a.0x', 'a..b', '.a'],
    ...[
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '1:::2',
      '1:2:3:4:5:6:7::8',
      '12345::',
      'g::',
      ':1',
      '1:',
    ],
    ...[
      'fe80::1%eth0',
      '::1.2.3',
      '::1.2.3.256',
      '1.2.3.4::',
      '1:2:3:4:5:6:7:1.2.3.4',
      'bücher.example',
      'h,i',
      "h'",
    ],
  ]
  for (const host of hosts)
    assert.throws(
      () => hostOf(host),
      { code: 'INVALID_ARGUMENT', message: /the host of a cache server must be a name or an IP address/ },
      host,
    )
})
