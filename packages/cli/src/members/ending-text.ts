import type { Ending, Member } from './member.js'

/** For people: how a process ended, and why as far as it is known. */
export function endingText(member: Member, { pid, code, signal, error }: Ending): string {
  const who = `${member.name} (pid ${pid})`
  if (signal) return `${who} was killed by ${signal}`
  if (code === 0 && member.options.kind === 'cache') return `${who} handed everything off and left`
  const why = error && error.code !== 'BUG' ? error.message : logHint(member)
  return code === 0 ? `${who} ended` : `${who} ended with exit code ${code}: ${why}`
}

/** Where it may have said more. */
export function logHint({ options: { logPath } }: Member): string {
  return logPath === undefined ? 'see above' : `its log is ${logPath}`
}
