/** Stretches of time that pass, as people write them in a file: `90s`, `5m`, `26h`, `1h30m`, `7d`. */
import { SnapError } from '../model/errors.ts'

const UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
]
const DURATION = /^(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/

/** Days, hours, minutes (`m`) and seconds, each at most once and in this order. ms; `USAGE` otherwise, and for nothing. */
export function parseDuration(text: string): number {
  const match = DURATION.exec(text.trim().toLowerCase())
  const ms = UNITS.reduce((sum, [, unit], index) => sum + Number(match?.[index + 1] ?? 0) * unit, 0)
  if (match !== null && ms > 0) return ms
  throw new SnapError('USAGE', `${JSON.stringify(text)} is not a stretch of time`, {
    hint: 'Write it as 90s, 5m, 26h, 1h30m or 7d: days (d), hours (h), minutes (m) and seconds (s), in this order.',
  })
}

/** The two largest units that are not 0: `26h` is `1d 2h`. Below a second: `0s`. */
export function formatDuration(ms: number): string {
  let rest = Math.max(0, ms)
  const parts: string[] = []
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
    else if (parts.length > 0) break
  }
  return parts.length === 0 ? '0s' : parts.slice(0, 2).join(' ')
}
