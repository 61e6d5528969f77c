/** The lines that a child prints, bounded, and what is in them. */
import type { Readable } from 'node:stream'

/** What is longer is nothing that is looked for. */
const LINE_CHARS_MAX = 1_048_576

export function eachLine(stream: Readable, line: (text: string) => void): void {
  let open = ''
  stream.setEncoding('utf8')
  stream.on('data', (text: string) => {
    const lines = (open + text).split('\n')
    open = lines.pop() ?? ''
    if (open.length > LINE_CHARS_MAX) open = ''
    for (const each of lines) line(each)
  })
  stream.on('end', () => {
    if (open !== '') line(open)
  })
  stream.on('error', () => undefined) // how it ended says its status
}

/** `undefined` for what is no JSON object. */
export function jsonFields(text: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
