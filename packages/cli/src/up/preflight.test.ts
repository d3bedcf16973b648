import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ClusterFile } from './cluster-file.js'
import { requireUnusedFolder } from './preflight.js'

let folder: string
let holder: Server
let port: number

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'icf-preflight-'))
  holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  port = (holder.address() as { port: number }).port
})

after(() => {
  holder.close()
  rmSync(folder, { recursive: true })
})

test('a folder is in use while a process in it lives and listens', async () => {
  const write = (pid: number, port: number): void =>
    new ClusterFile(folder, assert.ifError).write({
      masters: [],
      servers: [{ id: '', pid, host: '127.0.0.1', port, respPort: 0 }],
    })
  await requireUnusedFolder(folder)
  write(process.pid, port)
  await assert.rejects(requireUnusedFolder(folder), { code: 'ALREADY_RUNNING' })
  // The number belongs to another process by now: nothing listens.
  write(process.pid, 1)
  await requireUnusedFolder(folder)
  // The process is gone, and something else took its port.
  write(2 ** 30, port)
  await requireUnusedFolder(folder)
})
