const MS_PER: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const BYTES_PER: Readonly<Record<string, number>> = {
  b: 1,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  t: 1024 ** 4,
}

/** Reads `500ms`, `60s`, `1.5m`, `1h`, `7d` as whole milliseconds. Undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  return readQuantity(text, /^(\d+(?:\.\d+)?) ?(ms|s|m|h|d)$/i, MS_PER)
}

/** Reads `64kb`, `256m`, `1.5GiB`, `100b` (1 kb = 1 k = 1 KiB = 1024 b) as whole bytes. Undefined when it is none of these. */
export function parseBytes(text: string): number | undefined {
  return readQuantity(text, /^(\d+(?:\.\d+)?) ?(b$|[kmgt])(?:i?b)?$/i, BYTES_PER)
}

function readQuantity(
  text: string,
  form: RegExp,
  units: Readonly<Record<string, number>>,
): number | undefined {
  const match = form.exec(text.trim())
  if (!match) return undefined
  const amount = Math.round(Number(match[1]) * units[match[2]!.toLowerCase()]!)
  return Number.isSafeInteger(amount) ? amount : undefined
}

/** `850 ms`, `12.3 s`, `4 m 10 s`, `2 h 5 m`, `3 d 4 h`: two figures that matter. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'm', seconds % 60, 's')
  const minutes = Math.round(seconds / 60)
  if (minutes < 1440) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'm')
  const hours = Math.round(minutes / 60)
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h')
}

function pair(major: number, majorUnit: string, minor: number, minorUnit: string): string {
  return minor === 0 ? `${major} ${majorUnit}` : `${major} ${majorUnit} ${minor} ${minorUnit}`
}

/** `0 B`, `12.3 KB`, `256 MB` (1 KB = 1024 B). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB']
  let amount = bytes
  let unit = 0
  while (amount >= 1023.5 && unit < units.length - 1) {
    amount /= 1024
    unit++
  }
  const digits = unit === 0 || amount >= 99.95 || Number.isInteger(amount) ? 0 : 1
  return `${amount.toFixed(digits)} ${units[unit]}`
}

/** `16,384` */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `2 files` */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}
