import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServerInfo } from '@icf/common'
import { serverInfo, topologyWith } from '@icf/testkit/topologies'
import { selectServers } from './select.js'

const server = (id: string, port: number): ServerInfo =>
  serverInfo(id.padEnd(40, '0'), { host: '127.0.0.1', port })
const servers = [server('abcd1', 7100), undefined, server('abcd2', 7101), server('e6', 7102)]
const topology = topologyWith({ servers })

test('a server is found by id, the beginning of it, or its address', () => {
  const id = servers[0]!.id
  for (const selector of [id, 'abcd1', '127.0.0.1:7100'])
    assert.deepEqual(selectServers(topology, [selector]), [id])
  assert.deepEqual(selectServers(topology, ['abcd1', '127.0.0.1:7100']), [id])
  for (const selector of ['e6', 'e']) assert.deepEqual(selectServers(topology, [selector]), [servers[3]!.id])
})

test('what fits none or several is refused by name', () => {
  for (const selector of ['', 'b', '127.0.0.1:7103', 'ffff'])
    assert.throws(() => selectServers(topology, [selector]), {
      code: 'UNKNOWN_SERVER',
      message: /127.0.0.1:7101/,
    })
  assert.throws(() => selectServers(topology, ['abcd']), {
    code: 'INVALID_ARGUMENT',
    message: /2 cache servers: abcd1000 \(127\.0\.0\.1:7100\), abcd2000 \(127\.0\.0\.1:7101\);/,
  })
})
