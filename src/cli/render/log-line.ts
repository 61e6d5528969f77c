/** A line of a run's log as people read it. */
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes } from '../output/human.ts'
import { safeText } from '../output/safe-text.ts'

/** Not told: they are the same in all lines, or stand in front. */
const LEFT_OUT: ReadonlySet<string> = new Set(['level', 'time', 'run', 'job', 'message'])
const LEVELS: Readonly<Record<string, string>> = { warn: 'warning: ', error: 'error: ' }

/** With a newline. A line that is cut short, by a full disk, is shown as it is. */
export function renderLogLine(line: string): string {
  const fields = fieldsOf(line)
  const message = fields?.get('message')
  if (fields === undefined || typeof message !== 'string') return `${safeText(line)}\n`
  const time = Date.parse(String(fields.get('time')))
  const when = Number.isNaN(time) ? '' : `${formatLocalTime(time)}  `
  const more = [...fields]
    .filter(([key]) => !LEFT_OUT.has(key))
    .map(([key, value]) => fieldText(key, value))
    .join(' ')
  const level = LEVELS[String(fields.get('level'))] ?? ''
  return `${when}${level}${safeText(message)}${more === '' ? '' : ` (${safeText(more)})`}\n`
}

/** Sizes as people read them. */
function fieldText(key: string, value: unknown): string {
  const size = /^(.+)_bytes$/.exec(key)?.[1]
  return size === undefined || typeof value !== 'number' || !(value >= 0)
    ? `${key}=${String(value)}`
    : `${size}=${humanBytes(value)}`
}

function fieldsOf(line: string): ReadonlyMap<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : undefined
  } catch {
    return undefined
  }
}
