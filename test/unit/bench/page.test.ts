import { expect, it } from 'vitest'
import { filled } from '../../../bench/report/page.ts'

const PAGE =
  'A\n<!-- bench one -->\n<!-- end -->\nB\n<!-- bench two -->\nold\n<!-- end -->\nC\n<!-- bench other -->\nD\n<!-- end -->\n'

it('replaces what is between the marks, empty or not, and nothing else', () => {
  const page = filled(PAGE, { one: '1', two: '2' })
  expect(page).toBe(
    'A\n<!-- bench one -->\n\n1\n\n<!-- end -->\nB\n<!-- bench two -->\n\n2\n\n<!-- end -->\nC\n<!-- bench other -->\nD\n<!-- end -->\n',
  )
  expect(filled(page, { one: '1', two: '2' })).toBe(page)
})
