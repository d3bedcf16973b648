// Loaded before the program of a process, makes its disk a slow one.
import { open, type FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const syncMs = Number(new URL(import.meta.url).searchParams.get('ms'))

// The class has no name outside of Node.js.
const file = await open(fileURLToPath(import.meta.url))
const anyFile = Object.getPrototypeOf(file) as FileHandle
await file.close()

for (const method of ['sync', 'datasync'] as const) {
  const atOnce = anyFile[method]
  anyFile[method] = async function (this: FileHandle) {
    await delay(syncMs)
    await atOnce.call(this)
  }
}
