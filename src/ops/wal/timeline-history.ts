/** The history of a timeline: which others it came from, and where in the WAL. Knows no file. */
import { parseLsn } from './wal-name.ts'

export const HISTORY_BYTES_MAX = 1_048_576

/** A timeline ended at `lsn`, where the next began. */
export type TimelineFork = { readonly timeline: number; readonly lsn: bigint }

/** From the oldest on; `undefined` where a line cannot be understood. */
export function parseHistory(text: string): TimelineFork[] | undefined {
  const forks: TimelineFork[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, timeline, place = ''] = /^\s*(\d{1,10})\s+(\S+)/.exec(line) ?? []
    const lsn = parseLsn(place)
    if (timeline === undefined || lsn === undefined) return undefined
    forks.push({ timeline: Number(timeline), lsn })
  }
  return forks
}
