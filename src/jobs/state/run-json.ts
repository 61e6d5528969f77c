/** A run for programs. */
import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { Run } from './run.ts'

/** Without what is not known. */
export function jsonOfRun(run: Run): Readonly<Record<string, unknown>> {
  const { dueMs, endedMs, outcome, code, message, snapshot, bytes } = run
  return {
    run_id: run.id,
    kind: run.kind,
    job: run.job,
    repository: run.repository,
    trigger: run.trigger,
    ...(dueMs === undefined ? {} : { due: rfc3339OfMs(dueMs) }),
    started: rfc3339OfMs(run.startedMs),
    ...(endedMs === undefined ? {} : { ended: rfc3339OfMs(endedMs) }),
    outcome: outcome ?? 'running',
    ...(code === undefined ? {} : { error: code }),
    ...(message === undefined ? {} : { message }),
    ...(snapshot === undefined ? {} : { snapshot_id: snapshot }),
    ...(bytes === undefined ? {} : { bytes_read: bytes.read, bytes_added: bytes.added }),
  }
}
