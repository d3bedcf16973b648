import { lstatSync, opendirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, Exit, fileProblem } from '../errors.js'

export interface FoundFile {
  /** Path from the folder that was walked, with `/` on every system: the file's key. */
  readonly name: string
  /** Where to read it. */
  readonly path: string
  readonly bytes: number
}

export interface Skipped {
  readonly name: string
  readonly reason: string
}

export interface Walk {
  readonly files: readonly FoundFile[]
  readonly totalBytes: number
  /** Folders and files that could not be read. */
  readonly skipped: readonly Skipped[]
  /** Links, sockets and devices: left out on purpose. */
  readonly notFiles: number
}

/**
 * Lists every regular file below a folder, sorted. Links are not followed, except that the folder itself may be one.
 * It reads synchronously: nothing else happens before it is done, and that is several times faster.
 * @throws CliError when the folder can not be read
 */
export function walk(folder: string): Walk {
  requireFolder(folder)
  const files: FoundFile[] = []
  const skipped: Skipped[] = []
  let notFiles = 0
  const todo = ['']
  for (let prefix = todo.pop(); prefix !== undefined; prefix = todo.pop()) {
    try {
      for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
        const name = prefix + entry.name
        if (entry.isDirectory()) todo.push(`${name}/`)
        else if (entry.isFile()) visitFile(name, join(folder, name), files, skipped)
        else notFiles++
      }
    } catch (error) {
      skipped.push({ name: prefix, reason: fileProblem(error) })
    }
  }
  files.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { files, totalBytes: files.reduce((sum, { bytes }) => sum + bytes, 0), skipped, notFiles }
}

function visitFile(name: string, path: string, files: FoundFile[], skipped: Skipped[]): void {
  try {
    files.push({ name, path, bytes: lstatSync(path).size })
  } catch (error) {
    // A name that is not UTF-8 comes out of readdir changed, and is not found again.
    skipped.push({ name, reason: fileProblem(error) })
  }
}

function requireFolder(folder: string): void {
  try {
    if (!statSync(folder).isDirectory())
      throw new CliError(Exit.FAILED, 'ENOTDIR', `${folder}: not a directory`)
    opendirSync(folder).closeSync()
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError(Exit.FAILED, 'ENOENT', `${folder}: ${fileProblem(error)}`, { cause: error })
  }
}
