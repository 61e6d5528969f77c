/** RFC 3339 times for programs: UTC, always with nine digits of fraction. */

const YEAR_0_SECONDS = -62_167_219_200
const YEAR_9999_END_SECONDS = 253_402_300_799

/** Whole seconds (may be negative) and nanoseconds. Years beyond 0 to 9999, which RFC 3339 cannot write, become the nearest. */
export function rfc3339(seconds: number, nanoseconds: number): string {
  const within = Math.min(Math.max(seconds, YEAR_0_SECONDS), YEAR_9999_END_SECONDS)
  return `${new Date(within * 1000).toISOString().slice(0, 19)}.${String(nanoseconds).padStart(9, '0')}Z`
}

/** From whole ms since the epoch. */
export function rfc3339OfMs(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return rfc3339(seconds, (ms - seconds * 1000) * 1_000_000)
}
