/**
 * JSON for programs: every text in it is valid Unicode, every value ends with a newline, and nothing in it drives a terminal
 * that it is shown on.
 */
import { escapedJson, jsonText } from './safe-text.ts'

/** One NDJSON line. Lone surrogates anywhere in it become U+FFFD; callers put `path_b64` beside paths. */
export function jsonLine(value: object): string {
  return `${escapedJson(JSON.stringify(value, wellFormed))}\n`
}

/** An array on one line. */
export function jsonArray(values: readonly object[]): string {
  return `${escapedJson(JSON.stringify(values, wellFormed))}\n`
}

function wellFormed(_: string, value: unknown): unknown {
  return typeof value === 'string' ? jsonText(value) : value
}
