/** A run as it lies in the database. That is a file: what is in it is taken for nothing that it has not been found to be. */
import { OUTCOMES, RUN_KINDS, type Run, TRIGGERS } from './run.ts'

export type Row = Readonly<
  Record<
    | 'id'
    | 'kind'
    | 'config'
    | 'job'
    | 'repository'
    | 'trigger'
    | 'due_ms'
    | 'started_ms'
    | 'ended_ms'
    | 'outcome'
    | 'code'
    | 'message'
    | 'snapshot'
    | 'bytes_read'
    | 'bytes_added'
    | 'log',
    unknown
  >
>

/** What JavaScript can write as a date. ms */
const TIME_MAX = 8.64e15

/** `undefined` for what is no run. What is wrong and could be missing counts as missing; an outcome that is not known is a failure. */
export function runOf(row: Row): Run | undefined {
  const [id, config, job, repository] = [row.id, row.config, row.job, row.repository].map(textOf)
  const startedMs = timeOf(row.started_ms)
  if (id === undefined || config === undefined || job === undefined || startedMs === undefined)
    return undefined
  const read = countOf(row.bytes_read)
  const added = countOf(row.bytes_added)
  return {
    id,
    kind: RUN_KINDS.find((known) => known === row.kind) ?? 'backup',
    config,
    job,
    repository: repository ?? '',
    trigger: TRIGGERS.find((known) => known === row.trigger) ?? 'hand',
    dueMs: timeOf(row.due_ms),
    startedMs,
    endedMs: timeOf(row.ended_ms),
    outcome: row.outcome === null ? undefined : (OUTCOMES.find((known) => known === row.outcome) ?? 'failed'),
    code: textOf(row.code),
    message: textOf(row.message),
    snapshot: textOf(row.snapshot),
    bytes: read === undefined || added === undefined ? undefined : { read, added },
    log: textOf(row.log),
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
const timeOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= TIME_MAX ? value : undefined
