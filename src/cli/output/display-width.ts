/**
 * How many terminal columns a text takes: 2 for wide East Asian characters and emoji, 0 for marks that combine
 * with the character before. By code points; terminals differ over joined emoji.
 */
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u
/** Wide ranges of Unicode's EastAsianWidth.txt, coarsened to blocks. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{16fe0}-\u{18aff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]$|^\p{Emoji_Presentation}$/u
// biome-ignore lint/suspicious/noControlCharactersInRegex: plain ASCII is the fast path
const ASCII = /^[\u0000-\u007f]*$/

function columnsOf(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0
  return WIDE.test(character) ? 2 : 1
}

/** Columns of a text without control characters. */
export function displayWidth(text: string): number {
  if (ASCII.test(text)) return text.length
  let columns = 0
  for (const character of text) columns += columnsOf(character)
  return columns
}

/** The end of `text` in at most `columns`, with an ellipsis before it where something was cut. */
export function keepEnd(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  if (columns < 1) return ''
  const characters = [...text]
  let left = columns - 1
  let from = characters.length
  while (from > 0) {
    const width = columnsOf(characters[from - 1] ?? '')
    if (width > left) break
    left -= width
    from--
  }
  return `…${characters.slice(from).join('')}`
}
