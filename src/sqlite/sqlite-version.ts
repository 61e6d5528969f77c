/**
 * Which SQLite versions must not be used. SQLite's own WAL-reset defect (https://sqlite.org/wal.html#walresetbug):
 * two connections that write or checkpoint at the same instant can damage a database in WAL mode.
 */

/** First version with WAL mode, and so with the defect. */
const DEFECT_FIRST = [3, 7, 0] as const
/** Last version with the defect. Back-ports to older lines are not told apart: they are refused like the rest. */
const DEFECT_LAST = [3, 51, 2] as const

function compare(left: readonly number[], right: readonly number[]): number {
  for (const index of [0, 1, 2]) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

/** True for 3.7.0 to 3.51.2, and for text that is no version (`3.x` or `3.x.y`): what cannot be judged is not safe. */
export function isUnsafeSqlite(version: string): boolean {
  if (!/^\d+\.\d+(\.\d+)*$/.test(version)) return true
  const numbers = version.split('.').map(Number)
  return compare(numbers, DEFECT_FIRST) >= 0 && compare(numbers, DEFECT_LAST) <= 0
}
