import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Selection, type Wanted } from '../../../../src/ops/restore/selection.ts'

/** The meaning of a pattern, word for word; it tries everything. */
function wanted(pattern: readonly string[], names: readonly string[]): Wanted {
  const [first, ...rest] = pattern
  if (first === undefined) return 'all'
  const [name, ...below] = names
  if (first === '**') {
    const without = wanted(rest, names)
    if (without === 'all') return 'all'
    if (name === undefined) return 'some'
    const further = wanted(pattern, below)
    return further === 'none' ? without : further
  }
  if (name === undefined) return 'some'
  return first === '*' || first === name ? wanted(rest, below) : 'none'
}

const globs = (text: string): Selection => new Selection([{ text, isGlob: true }])

describe('a selection', () => {
  it('wants what its pattern means', () => {
    const part = fc.constantFrom('a', 'b', '*', '**')
    const name = fc.constantFrom('a', 'b', 'c')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(name, { maxLength: 6 }), (pattern, names) => {
        expect(globs(`/${pattern.join('/')}`).wants(names)).toBe(wanted(pattern, names))
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes no longer the more `**` a pattern has', () => {
    const deep = Array.from({ length: 200 }, () => 'aaa')
    const pattern = `/${Array.from({ length: 40 }, () => '**/a*').join('/')}/nowhere`
    expect(globs(pattern).wants(deep)).toBe('some')
    expect(globs(`/${'**/'.repeat(40)}nowhere`).wants(deep)).toBe('some')
  })
})
