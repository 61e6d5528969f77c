/** Tables in Markdown. */
const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`

export const table = (heads: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(heads), row(heads.map(() => '---')), ...rows.map(row)].join('\n')
