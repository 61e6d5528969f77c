/** What is wrong with drills. Pure. */
import type { DrillStatus } from '../status/report.ts'
import type { Condition } from './condition.ts'

const FAILED = 'drill:'
const OVERDUE = 'drill-overdue:'

/** The drill that such a condition is about; `undefined` for the key of another. */
export function drillIn(key: string): string | undefined {
  const prefix = [FAILED, OVERDUE].find((each) => key.startsWith(each))
  return prefix === undefined ? undefined : key.slice(prefix.length)
}

export function drillConditions(drills: readonly DrillStatus[]): Condition[] {
  return drills.flatMap((drill) => [...failed(drill), ...overdue(drill)])
}

/** Who hears of the job hears of its drills. */
export function failedDrill(
  { drill, job, repository }: Pick<DrillStatus, 'drill' | 'job' | 'repository'>,
  { run, text, isWarning }: { readonly run: string; readonly text: string; readonly isWarning: boolean },
): Condition {
  return {
    key: `${FAILED}${drill}`,
    kind: 'drill',
    severity: isWarning ? 'warning' : 'critical',
    title: `the drill ${drill} ${isWarning ? 'was interrupted' : 'failed'}`,
    text,
    hint: `What is saved may not be enough to recover from. The log of the run names what failed; try it again with \`snap drill ${drill}\`.`,
    job,
    repository,
    run,
  }
}

function failed(drill: DrillStatus): Condition[] {
  const { lastRun } = drill
  if (lastRun === undefined || lastRun.outcome === 'ok') return []
  const { id: run, outcome, error } = lastRun
  return [
    failedDrill(drill, {
      run,
      text: error ?? (outcome === 'died' ? 'its process has gone without a word' : outcome),
      isWarning: outcome === 'interrupted',
    }),
  ]
}

function overdue({ drill, job, repository, overdue: stale }: DrillStatus): Condition[] {
  if (stale === undefined) return []
  return [
    {
      key: `${OVERDUE}${drill}`,
      kind: 'drill',
      severity: 'warning',
      title: `the drill ${drill} is overdue`,
      text: stale.reason,
      hint: 'Find out why it was not run: `snap drill --list` and `snap runs` say.',
      job,
      repository,
    },
  ]
}
