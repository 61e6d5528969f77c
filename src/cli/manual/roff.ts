/** Manual pages in the macros of man(7), as both groff and mandoc read them. It knows no commands. */

/** Characters that roff takes for something else, or shows as a typographic one that no shell understands. */
const SPECIAL: Readonly<Record<string, string>> = {
  '\\': '\\(rs',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '"': '\\(dq',
  '^': '\\(ha',
  '~': '\\(ti',
}

/** Shown as it is, wherever it stands in a line; line ends stay. */
export function escaped(text: string): string {
  const characters = [...text].map((character) => {
    const point = character.codePointAt(0) ?? 0
    if (point > 0x7e) return `\\[u${point.toString(16).toUpperCase().padStart(4, '0')}]`
    return SPECIAL[character] ?? character
  })
  // A control line begins with a dot (or an apostrophe, which is escaped above).
  return characters.join('').replaceAll(/^\./gm, '\\&.')
}

export const bold = (text: string): string => `\\fB${escaped(text)}\\fR`
export const italic = (text: string): string => `\\fI${escaped(text)}\\fR`

/** Escaped, with what stands between backquotes in bold. */
export function prose(text: string): string {
  return text
    .split('`')
    .map((part, index) => (index % 2 === 0 ? escaped(part) : bold(part)))
    .join('')
}

/** Everything below is whole lines, made of text that was escaped. */

export function title(name: string, version: string): string {
  // Without a date: the same source makes the same page.
  return `.TH ${escaped(name.toUpperCase())} 1 "" "${escaped(version)}" "Manual of snap"\n`
}

/** Nothing where the body is empty. */
export function section(name: string, body: string): string {
  return body === '' ? '' : `.SH ${escaped(name)}\n${begun(body)}`
}

export function subsection(name: string, body: string): string {
  return `.SS "${escaped(name)}"\n${begun(body)}`
}

/** A heading begins a paragraph by itself. */
const begun = (body: string): string => body.replace(/^\.PP\n/, '')

/** Filled anew; blank lines part paragraphs. */
export function paragraphs(text: string): string {
  const parts = text.split(/\n\s*\n/).filter((part) => part.trim() !== '')
  return parts.map((part) => `.PP\n${part.trim()}\n`).join('')
}

export function item(term: string, body: string): string {
  return `.TP\n${term}\n${body}\n`
}

/** Line by line, as it is typed. */
export function example(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `.PP\n.EX\n${lines.map((line) => `${line}\n`).join('')}.EE\n`
}
