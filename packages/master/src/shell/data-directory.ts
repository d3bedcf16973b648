import { mkdir } from 'node:fs/promises'
import { IcfError } from '@icf/common'
import { lockDirectory } from './lock-file.js'

/**
 * Makes the directory in which a master keeps its state, and keeps other masters out of it.
 * @returns gives it back
 * @throws IcfError INVALID_ARGUMENT when it can not be made, STATE_UNAVAILABLE when another master uses it
 */
export async function takeDirectory(dataDir: string): Promise<() => Promise<void>> {
  try {
    await mkdir(dataDir, { recursive: true })
  } catch (cause) {
    throw new IcfError('INVALID_ARGUMENT', `can not create ${dataDir}: ${(cause as Error).message}`, {
      cause,
    })
  }
  return lockDirectory(dataDir)
}
