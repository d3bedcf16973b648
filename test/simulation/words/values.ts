const MOST_CHARACTERS = 40

/** A value that is stored, or an answer. */
export function valueWords(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (typeof value === 'string')
    return value.length > MOST_CHARACTERS ? `${value.length} characters` : JSON.stringify(value)
  return value instanceof Uint8Array ? `${value.length} bytes` : String(value)
}

/** "slot 3", "slots 0 3". */
export function slotsWords(slots: readonly number[]): string {
  return `${slots.length === 1 ? 'slot' : 'slots'} ${slots.join(' ')}`
}
