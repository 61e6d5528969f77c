import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import {
  bold,
  escaped,
  example,
  item,
  paragraphs,
  prose,
  section,
  title,
} from '../../../../src/cli/manual/roff.ts'

/** What a reader sees, without blank lines and indents; fails where groff has something to complain of. */
function rendered(body: string): string[] {
  const page = title('test', '1') + section('TEST', body)
  const options = ['-man', '-Tutf8', '-Kutf8', '-ww', '-rLL=200n', '-P-cbou']
  const text = execFileSync('sh', ['-c', `groff ${options.join(' ')} 2>&1`], {
    input: page,
    encoding: 'utf8',
  })
  const lines = text.split('\n').map((line) => line.trim())
  return lines.filter((line) => line !== '').slice(2, -1)
}

const HOSTILE = [
  '.TH at the beginning',
  "'br at the beginning",
  '\\fBbackslash\\fR \\n(.x \\',
  '--dry-run -n well-known',
  '"quoted" \'quoted\' `quoted` ~/x ^2',
  '.',
  '...',
]

describe('text of a manual page', () => {
  it.each(HOSTILE)('is shown as it is: %s', (text) => {
    expect(rendered(example([escaped(text)]))).toEqual([text.trim()])
    expect(rendered(`before\n.br\n${escaped(text)}\n`)).toEqual(['before', text.trim()])
  })

  it('may hold any character', () => {
    expect(rendered(`${escaped('Grüße → 日本')}\n`)).toEqual(['Grüße → 日本'])
  })

  it('is shown as it is line by line', () => {
    expect(rendered(example('a\n.b\n  c'.split('\n').map(escaped)))).toEqual(['a', '.b', 'c'])
    expect(rendered(paragraphs(escaped('a\n.b\n\n.c')))).toEqual(['a .b', '.c'])
  })

  it('is bold between backquotes', () => {
    expect(prose('run `snap prune -n` .')).toBe('run \\fBsnap prune \\-n\\fR .')
    expect(rendered(item(bold('.x'), prose('`.y`')))).toEqual(['.x     .y'])
  })
})
