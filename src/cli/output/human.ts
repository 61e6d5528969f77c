/** Numbers as people read them: binary units, durations, rates, counts. English, without the system's locale. */
import { humanBytes } from '../../base/sizes.ts'

export { humanBytes }

/** Bytes over ms; `-` where no time has passed. */
export function humanRate(bytes: number, ms: number): string {
  return ms > 0 ? `${humanBytes((bytes * 1000) / ms)}/s` : '-'
}

/** `0.35 s`, `12.3 s`, `1:05 min`, `2:03:04 h`. */
export function humanDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`
  const text = clock(seconds)
  return `${text} ${Math.round(seconds) < 3600 ? 'min' : 'h'}`
}

/** Seconds as `1:05` or `2:03:04`. */
export function clock(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (value: number): string => String(value).padStart(2, '0')
  const minutes = Math.floor(whole / 60) % 60
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`
}

/** `1,234,567`. */
export function humanCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 file`, `1,234 files`; `many` where the plural is not `one` + s. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${humanCount(count)} ${count === 1 ? one : many}`
}

/** A share of a whole: `12.3%`; `-` of nothing. */
export function humanPercent(part: number, whole: number): string {
  return whole > 0 ? `${((part / whole) * 100).toFixed(1)}%` : '-'
}
