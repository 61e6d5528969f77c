/** How fast a repository grows, and when its disk is full. Pure. */
import type { DaySize } from '../state/sizes-table.ts'

/** Bytes a day between the first and the last day; `undefined` within one day. */
export function growthOf(sizes: readonly DaySize[]): number | undefined {
  const first = sizes[0]
  const last = sizes.at(-1)
  if (first === undefined || last === undefined || first.day === last.day) return undefined
  return (last.bytes - first.bytes) / (last.day - first.day)
}

/** `undefined` where it does not grow. */
export function daysUntilFull(free: number | undefined, growth: number | undefined): number | undefined {
  return free === undefined || growth === undefined || growth <= 0 ? undefined : free / growth
}
