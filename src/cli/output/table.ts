/** Columns that line up, whatever script the text is in. It makes every cell safe for a terminal. */
import { displayWidth } from './display-width.ts'
import { safeText } from './safe-text.ts'

export type Column = { readonly title: string; readonly align?: 'left' | 'right' }

const GAP = '  '

/** Lines with a newline after each: titles, then rows. Cells beyond the columns are not allowed; missing ones are empty. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map((column) => column.title), ...rows].map((row) =>
    columns.map((_, index) => safeText(row[index] ?? '')),
  )
  const widths = columns.map((_, index) =>
    lines.reduce((width, line) => Math.max(width, displayWidth(line[index] ?? '')), 0),
  )
  return lines.map((line) => `${renderLine(line, columns, widths)}\n`).join('')
}

function renderLine(cells: readonly string[], columns: readonly Column[], widths: readonly number[]): string {
  const padded = columns.map((column, index) => {
    const cell = cells[index] ?? ''
    const padding = ' '.repeat((widths[index] ?? 0) - displayWidth(cell))
    return column.align === 'right' ? padding + cell : cell + padding
  })
  return padded.join(GAP).trimEnd()
}
