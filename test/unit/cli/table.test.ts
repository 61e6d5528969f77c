import { describe, expect, it } from 'vitest'
import { displayWidth, keepEnd } from '../../../src/cli/output/display-width.ts'
import { renderTable } from '../../../src/cli/output/table.ts'

describe('displayWidth', () => {
  it.each([
    ['abc', 3],
    ['日本', 4],
    ['e\u0301', 1],
    ['🎉', 2],
    ['한글', 4],
    ['ｱ', 1],
    ['Ａ', 2],
    ['é', 1],
    ['𠀀', 2],
  ])('counts the columns of %s', (text, columns) => {
    expect(displayWidth(text)).toBe(columns)
  })
})

describe('keepEnd', () => {
  it('keeps what fits and marks the cut', () => {
    expect(keepEnd('/a/b/c', 6)).toBe('/a/b/c')
    expect(keepEnd('/a/b/c', 4)).toBe('…b/c')
    expect(keepEnd('日本語', 4)).toBe('…語')
    expect(keepEnd('abc', 0)).toBe('')
  })
})

describe('renderTable', () => {
  it('lines columns up in any script, without blanks at the end of lines', () => {
    const table = renderTable(
      [{ title: 'name' }, { title: 'size', align: 'right' }, { title: 'tag' }],
      [
        ['日本', '5', ''],
        ['a', '12345', 'x'],
      ],
    )
    expect(table).toBe('name   size  tag\n日本      5\na     12345  x\n')
  })

  it('makes cells safe before it measures them', () => {
    expect(renderTable([{ title: 'n' }, { title: 'm' }], [['\u001b[2J', 'x']])).toBe(
      'n        m\n\\x1b[2J  x\n',
    )
  })
})
