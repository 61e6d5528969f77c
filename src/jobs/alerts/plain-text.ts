/** Texts of other programs and machines made fit for a subject, a line of a log and a terminal. */

/** Of a text that comes from elsewhere. */
const CHARS_MAX = 2_000
/** Control characters, what is invisible or turns text around, line ends, halves of characters. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu

/** On one line, without anything that drives a terminal, and no longer than `charsMax`. */
export function plainText(text: string, charsMax: number = CHARS_MAX): string {
  const line = text.replace(UNFIT, ' ').trim()
  return line.length <= charsMax ? line : `${line.slice(0, charsMax - 3).replace(/\p{Cs}$/u, '')}...`
}
