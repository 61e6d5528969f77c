/** What the repository's log is told of a drill. Pure. */
import type { Outcome } from '../../ops/audit/note.ts'
import type { DrillConfig } from '../config/drill.ts'
import type { DrillReport } from './drill-report.ts'

/** Failures that the note names; it counts them all. */
const NAMED_MAX = 100

/** `clean`: a text without secrets, which others than those who have them may read. */
export function evidenceOf(
  { categories, types, paths }: DrillConfig,
  report: DrillReport,
  clean: (text: string) => string,
): Outcome {
  const { files, bytes, databases, probes, failures, failuresTotal, recoveryMs, snapshot } = report
  return {
    result: failuresTotal === 0 ? 'ok' : 'failed',
    counts: {
      files_checked: files,
      databases_checked: databases.filter(({ result }) => result !== 'not restored').length,
      probes_run: probes.length,
      checks_failed: failuresTotal,
    },
    bytes,
    drill: {
      snapshot_time: new Date(snapshot.time).toISOString(),
      categories,
      types,
      paths,
      measured_categories: failuresTotal === 0 ? report.categories : [],
      recovery_ms: recoveryMs,
      databases: databases.map((database) => ({ ...database, reasons: database.reasons.map(clean) })),
      probes: probes.map(({ title, failure, durationMs }) => ({
        probe: clean(title),
        ok: failure === undefined,
        reason: failure === undefined ? undefined : clean(failure),
        duration_ms: durationMs,
      })),
      failures: failures.slice(0, NAMED_MAX).map(({ kind, what, reason }) => ({
        kind,
        what: clean(what),
        reason: clean(reason),
      })),
    },
  }
}
