/**
 * Names and messages made safe for a terminal and for JSON. Names come from hostile repositories and file systems:
 * printed as they are they could move the cursor, hide text or reverse it. A name that is not UTF-8 has lone
 * surrogates U+DC00 + byte (see `model/files.ts`).
 */

/** C0, DEL, C1; bidirectional controls; invisible characters; line separators; tags; lone surrogates. */
const UNSAFE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this looks for
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu
const ESCAPED_BYTES_FIRST = 0xdc80
const ESCAPED_BYTES_LAST = 0xdcff
const HEX = 16

/** `text` on one line without anything that drives a terminal: control bytes and bytes that are not UTF-8 as `\xNN`, others as `\u{...}`. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const point = character.codePointAt(0) ?? 0
    const escapedByte = point >= ESCAPED_BYTES_FIRST && point <= ESCAPED_BYTES_LAST
    if (escapedByte || point < 0x80) return `\\x${(point & 0xff).toString(HEX).padStart(2, '0')}`
    return `\\u{${point.toString(HEX)}}`
  })
}

export type JsonPath = {
  /** Where the name is not UTF-8, U+FFFD stands for each byte that is not. */
  readonly path: string
  /** The raw bytes in base64, only where the name is not UTF-8. */
  readonly path_b64?: string
}

/** A name for JSON: valid Unicode always, and the raw bytes beside it where that loses something. */
export function jsonPath(name: string): JsonPath {
  const path = jsonText(name)
  return path === name ? { path } : { path, path_b64: rawBytes(name).toString('base64') }
}

/** A text for JSON that parses everywhere: lone surrogates become U+FFFD. */
export function jsonText(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd')
}

/** The same JSON, in which what `safeText` would escape is written as `\\uNNNN`: JSON itself asks that of C0 alone. */
export function escapedJson(json: string): string {
  return json.replace(UNSAFE, (character) =>
    Array.from({ length: character.length }, (_, at) => escapedUnit(character.charCodeAt(at))).join(''),
  )
}

const escapedUnit = (unit: number): string => `\\u${unit.toString(HEX).padStart(4, '0')}`

function rawBytes(name: string): Buffer {
  const parts: Buffer[] = []
  let from = 0
  for (const match of name.matchAll(/[\udc80-\udcff]/gu)) {
    parts.push(Buffer.from(name.slice(from, match.index)), Buffer.of(match[0].charCodeAt(0) & 0xff))
    from = match.index + 1
  }
  parts.push(Buffer.from(name.slice(from)))
  return Buffer.concat(parts)
}
