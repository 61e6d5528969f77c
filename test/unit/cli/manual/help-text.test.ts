import { expect, it } from 'vitest'
import { readHelpText } from '../../../../src/cli/manual/help-text.ts'

it('takes a text apart into prose, statuses and examples', () => {
  const text = `One thing. Exit status 4: something is left.
Another: with
two lines.
Exit status 3: saved, but not all.

Examples:
  $ snap a
  $ snap b | c`
  expect(readHelpText(text)).toEqual({
    prose: 'One thing. Another: with\ntwo lines.',
    statuses: new Map([
      [4, 'something is left'],
      [3, 'saved, but not all'],
    ]),
    examples: ['snap a', 'snap b | c'],
  })
})

it('takes a text of examples alone, and an empty one', () => {
  expect(readHelpText('Example:\n  $ snap a')).toMatchObject({ prose: '', examples: ['snap a'] })
  expect(readHelpText('')).toEqual({ prose: '', statuses: new Map(), examples: [] })
})
