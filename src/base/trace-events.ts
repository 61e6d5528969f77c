/** Trace records as Chrome trace events, a JSON array that chrome://tracing and https://ui.perfetto.dev read. */
import { TRACKS_OF_THREAD } from './trace.ts'
import type { TraceRecord, TraceRecords } from './trace-records.ts'

/** One event on each line. Times are in µs since the start of the process. */
export function chromeTrace(records: TraceRecords, pid: number): string {
  const all = [...records]
  const threads = new Map(all.filter(({ kind }) => kind === 'thread').map(({ track, name }) => [track, name]))
  const tracks = [...new Set(all.map(({ track }) => track))].sort((a, b) => a - b)
  const events = [
    ...tracks.flatMap((track) => named(track, threads, pid)),
    ...all.filter(({ kind }) => kind !== 'thread').map((record) => eventOf(record, threads, pid)),
    ...(records.dropped === 0
      ? []
      : [{ name: `${records.dropped} events found no room`, ph: 'i', ts: 0, pid, tid: 0 }]),
  ]
  return `[\n${events.map((event) => JSON.stringify(event)).join(',\n')}\n]\n`
}

function named(track: number, threads: ReadonlyMap<number, string>, pid: number): object[] {
  const lane = track % TRACKS_OF_THREAD
  const thread = threads.get(track - lane) ?? 'unnamed'
  const name = lane === 0 ? thread : `${thread}, under way ${lane}`
  return [
    { name: 'thread_name', ph: 'M', pid, tid: track, args: { name } },
    { name: 'thread_sort_index', ph: 'M', pid, tid: track, args: { sort_index: track } },
  ]
}

function eventOf(
  { kind, track, name, startMs, durationMs, value }: TraceRecord,
  threads: ReadonlyMap<number, string>,
  pid: number,
): object {
  const at = { pid, tid: track, ts: microseconds(startMs) }
  // Counters belong to a process, so each thread's needs a name of its own.
  if (kind === 'counter')
    return { name: `${name}, ${threads.get(track) ?? 'unnamed'}`, ph: 'C', ...at, args: { bytes: value } }
  const args = value > 0 ? { args: { times: value } } : {}
  return { name, ph: 'X', ...at, dur: microseconds(durationMs), ...args }
}

function microseconds(ms: number): number {
  return Math.round(ms * 1_000_000) / 1_000
}
