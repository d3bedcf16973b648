import { connect } from 'node:net'
import { formatAddress } from '@icf/common/node'
import { CliError, Exit, systemCode } from '../errors.js'
import { readClusterFile } from './cluster-file.js'

/** @throws CliError when a cluster already runs from this folder */
export async function requireUnusedFolder(folder: string): Promise<void> {
  const previous = readClusterFile(folder)
  for (const member of [...(previous?.masters ?? []), ...(previous?.servers ?? [])]) {
    // A number alone proves nothing: it may be another process by now.
    if (!isAlive(member.pid) || !(await accepts(member.host, member.port))) continue
    const message = `a cluster already runs from ${folder} (pid ${member.pid} at ${formatAddress(member)}): stop it, or choose another --dir and --base-port`
    throw new CliError(Exit.FAILED, 'ALREADY_RUNNING', message)
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return systemCode(error) === 'EPERM'
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 })
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('connect', () => end(true))
    socket.once('timeout', () => end(false))
    socket.once('error', () => end(false))
  })
}
