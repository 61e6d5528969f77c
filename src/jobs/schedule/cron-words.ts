/** Times of a schedule as people say them, as cron expressions: `daily at 02:00`, `sunday at 01:00`, `first sunday at 00:00`. */
import { SnapError } from '../../model/errors.ts'

const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday']
const ORDINALS = ['first', 'second', 'third', 'fourth', 'fifth']
const WORDS =
  /^(?:(hourly)|(daily|weekly|monthly|yearly)|(?:(first|second|third|fourth|fifth|last)\s+)?(sun|mon|tues|wednes|thurs|fri|satur)day)(?:\s+(?:at\s+)?(\d{1,2}):(\d{2}))?$/
const FIELDS = 5

/** Five fields of cron; they are not checked. `USAGE` for what is neither that nor words. */
export function cronOf(text: string): string {
  const words = text.trim().toLowerCase().replaceAll(/\s+/g, ' ')
  if (words.split(' ').length === FIELDS && /^[\d*]/.test(words)) return words.toUpperCase()
  const [all, hourly, regular, ordinal, day, hourText = '0', minuteText = '0'] = WORDS.exec(words) ?? []
  const [hour, minute] = [Number(hourText), Number(minuteText)]
  if (all === undefined || hour > 23 || minute > 59 || (hourly !== undefined && hour !== 0))
    throw notUnderstood(text)
  if (hourly !== undefined) return `${minute} * * * *`
  const at = `${minute} ${hour}`
  if (regular === 'daily') return `${at} * * *`
  if (regular === 'weekly') return `${at} * * 0`
  if (regular === 'monthly') return `${at} 1 * *`
  if (regular === 'yearly') return `${at} 1 1 *`
  const weekday = DAYS.indexOf(`${day}day`)
  if (ordinal === undefined) return `${at} * * ${weekday}`
  return `${at} * * ${weekday}#${ordinal === 'last' ? 'L' : ORDINALS.indexOf(ordinal) + 1}`
}

function notUnderstood(text: string): SnapError {
  return new SnapError('USAGE', `${JSON.stringify(text)} is no time of a schedule`, {
    hint: 'Write it as "daily at 02:00", "sunday at 01:00", "first sunday at 00:00", "monthly at 03:30", "hourly", or as the five fields of cron.',
  })
}
