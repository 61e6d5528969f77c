/** What the status of a job and that of a drill have in common: when it runs next, since when it is known, and its last run. */
import type { Schedule } from '../schedule/schedule.ts'
import type { Run } from '../state/run.ts'
import type { State } from '../state/state.ts'
import type { RunMoment, RunOutcome } from './report.ts'

const knownName = (key: string, job: string): string => `known ${key} ${job}`

/** With its delay, which is the same each time. */
export function nextRun(
  { name, schedule }: { readonly name: string; readonly schedule: Schedule | undefined },
  { host, nowMs }: { readonly host: string; readonly nowMs: number },
): number | undefined {
  const due = schedule?.after(nowMs)
  return schedule === undefined || due === undefined
    ? undefined
    : due + schedule.delay(due, `${host} ${name}`)
}

/** Since it was first asked for: before that nothing of it was missed. A time to come is that of a wrong clock. */
export function knownSince(state: State, key: string, name: string, nowMs: number): number {
  const remembered = knownName(key, name)
  const since = state.recall(remembered)
  if (typeof since === 'number' && since >= 0 && since <= nowMs) return since
  state.remember(remembered, nowMs)
  return nowMs
}

export function momentOf(run: Run | undefined): RunMoment | undefined {
  if (run?.outcome === undefined || run.outcome === 'skipped') return undefined
  const { id, startedMs, endedMs, message, bytes } = run
  const outcome: RunOutcome = run.outcome
  return { id, startedMs, endedMs, outcome, error: message, bytes }
}
