/** Whether a run read or added far more or far less than those before it. Pure statistics: it knows no jobs. */

export type RunBytes = { readonly read: number; readonly added: number }

export type AnomalyThresholds = {
  /** How many times the median, or how small a part of it. */
  readonly factor: number
  /** Fewer runs before than this tell nothing. */
  readonly runs: number
  /** Differences below this are of no account. Bytes. */
  readonly bytes: number
}

/** A week of a job that runs each day, so that its quiet weekends have been seen. */
export const DEFAULT_ANOMALY: AnomalyThresholds = { factor: 10, runs: 7, bytes: 64 * 1024 ** 2 }

export type Anomaly = {
  readonly of: keyof RunBytes
  readonly isMore: boolean
  readonly bytes: number
  /** Of the runs before. */
  readonly usual: number
}

/** So many runs of the same size before make it nothing out of the common; a single one was out of the common itself. */
const SEEN_BEFORE_MIN = 2

/**
 * `recent`: the good runs before the last, in any order. The median stands for what is usual, which a few strange runs do not move.
 * More comes before less: it is what encrypting software and full disks look like.
 */
export function anomaliesOf(
  last: RunBytes,
  recent: readonly RunBytes[],
  { factor, runs, bytes: floor }: AnomalyThresholds = DEFAULT_ANOMALY,
): Anomaly[] {
  if (recent.length < runs) return []
  const found = (['added', 'read'] as const).flatMap((of): Anomaly[] => {
    const before = recent.map((each) => each[of])
    const usual = median(before)
    const bytes = last[of]
    const isMore = bytes > usual
    const isFar = (value: number): boolean =>
      Math.abs(value - usual) >= floor && (isMore ? value >= usual * factor : value <= usual / factor)
    if (!isFar(bytes) || before.filter(isFar).length >= SEEN_BEFORE_MIN) return []
    return [{ of, isMore, bytes, usual }]
  })
  return found.sort((a, b) => Number(b.isMore) - Number(a.isMore))
}

/** Of at least one value. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const at = (index: number): number => sorted[index] ?? 0
  return Number.isInteger(middle) ? (at(middle - 1) + at(middle)) / 2 : at(Math.floor(middle))
}
