import type { Logger } from 'pino'
import { logLine } from './log-line.js'

/**
 * Logs to stderr: one JSON object a line, or lines for people where stderr is a terminal. Writing does not block the
 * event loop; what is unwritten when the process exits is written then.
 */
export async function makeLogger(name: string, level: string): Promise<Logger> {
  const { pino } = await import('pino')
  const settings = { name, level, base: { pid: process.pid, name } }
  if (process.stderr.isTTY) return pino(settings, { write: (json) => process.stderr.write(logLine(json)) })
  return pino(settings, pino.destination({ dest: 2, sync: false }))
}
