/**
 * JSON for programs: every text in it is valid Unicode, every value ends with a newline, and nothing in it drives a terminal
 * that it is shown on.
 */
import { escapedJson, jsonText } from './safe-text.ts'

/** One NDJSON line. Lone surrogates anywhere in it become U+FFFD; callers put `path_b64` beside paths. */
export function jsonLine(value: object): string {
  return `${escapedJson(JSON.stringify(value, wellFormed))}\n`
}

/** An array with one element a line, so that it is both one document and easy to read. */
export function jsonArray(values: readonly object[]): string {
  const lines = values.map((value) => escapedJson(JSON.stringify(value, wellFormed)))
  return lines.length === 0 ? '[]\n' : `[${lines.join(',\n')}]\n`
}

function wellFormed(_: string, value: unknown): unknown {
  return typeof value === 'string' ? jsonText(value) : value
}
