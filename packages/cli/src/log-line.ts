import { styleFor, type Style } from './style.js'

const LEVELS: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
}
const OWN_FIELDS: readonly string[] = ['level', 'time', 'pid', 'name', 'msg', 'err']

/** Turns a line of pino's JSON into one for people: `14:03:07 WARN  can not reach the master  address=…`. */
export function logLine(json: string, style: Style = styleFor(process.stderr)): string {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(json) as Record<string, unknown>
  } catch {
    return json
  }
  const time = new Date(Number(entry.time)).toTimeString().slice(0, 8)
  const level = Number(entry.level)
  const paint = level >= 50 ? style.red : level === 40 ? style.yellow : style.dim
  const fields = Object.entries(entry)
    .filter(([key]) => !OWN_FIELDS.includes(key))
    .map(([key, value]) => `${key}=${asText(value)}`)
  const head = `${style.dim(time)} ${paint((LEVELS[level] ?? String(level)).padEnd(5))} ${asText(entry.msg ?? '')}`
  const stack = (entry.err as { stack?: string } | undefined)?.stack
  const line = fields.length > 0 ? `${head}  ${style.dim(fields.join(' '))}` : head
  return `${line}\n${stack ? `${stack}\n` : ''}`
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
