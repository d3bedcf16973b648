const MOST_CHARACTERS = 40

/** A value that is stored, or an answer. */
export function valueWords(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value === 'string' && value.length > MOST_CHARACTERS) return `${value.length} characters`
  return JSON.stringify(value)
}

/** "slot 3", "slots 0 3". */
export function slotsWords(slots: readonly number[]): string {
  return `${slots.length === 1 ? 'slot' : 'slots'} ${slots.join(' ')}`
}
