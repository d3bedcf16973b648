import { stripVTControlCharacters } from 'node:util'

export interface Column {
  readonly title: string
  /** Numbers stand at the right, so that their digits line up. */
  readonly align?: 'left' | 'right'
}

/**
 * Lays text out in columns, two blanks apart. Cells may hold colours; lines have no blanks at their end.
 * @returns the lines, the titles first
 */
export function layOutTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paintTitle: (text: string) => string = (text) => text,
): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => visibleWidth(row[i] ?? ''))),
  )
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => {
        const gap = ' '.repeat(Math.max(0, widths[i]! - visibleWidth(cell)))
        return columns[i]!.align === 'right' ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd()
  return [paintTitle(line(columns.map(({ title }) => title))), ...rows.map(line)]
}

/** Columns that a terminal needs for the text: colours take none. */
function visibleWidth(text: string): number {
  return Array.from(stripVTControlCharacters(text)).length
}
