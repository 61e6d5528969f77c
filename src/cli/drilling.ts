/** A run of a drill as the command line makes it: which snapshot, where it is restored, what is told, and what is remembered. */
import { hostname } from 'node:os'
import { join } from 'node:path'
import { withoutSecrets } from '../base/without-secrets.ts'
import { systemRandom } from '../crypto/random.ts'
import type { Config, JobConfig } from '../jobs/config/config.ts'
import type { DrillConfig } from '../jobs/config/drill.ts'
import type { DrillReport } from '../jobs/drills/drill-report.ts'
import { evidenceOf } from '../jobs/drills/evidence.ts'
import { runDrill } from '../jobs/drills/run-drill.ts'
import { scratchPath } from '../jobs/drills/scratch.ts'
import { rememberMeasured } from '../jobs/status/measured.ts'
import { type SnapshotDetails, validateDetails } from '../log/details.ts'
import { SnapError, unlessDamaged } from '../model/errors.ts'
import { whileThere } from '../ops/overtaken.ts'
import type { Repository } from '../repository/repository.ts'
import { type Choice, summaries } from './choose-snapshot.ts'
import type { CommandContext } from './context.ts'
import { COPY_COMMAND } from './copy-command.ts'
import { leftovers } from './drill-leftovers.ts'
import type { JobResult } from './job-run.ts'
import { lookAtOpen, remembering } from './look.ts'
import { noting } from './noting.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'
import { progressOf } from './output/progress-of.ts'
import { ownProgram } from './own-program.ts'
import { renderDrill, renderDrillJson } from './render/drill.ts'
import { openChosen, ownPaths } from './repository.ts'
import { configKey, stateDirectory } from './state.ts'

export type DrillOrder = {
  readonly config: Config
  readonly drill: DrillConfig
  /** The id of the run. */
  readonly run: string
  readonly threads: number
}

/** What is of a later time was saved under a wrong clock. ms */
const AHEAD_MS = 86_400_000
/** Of what failed, what an error names. */
const NAMED_MAX = 10

/** `DRILL_FAILED` where something of it is not as it should be. `context`: for the repository of the drill's job. */
export async function drillOnce(
  context: CommandContext,
  order: DrillOrder,
  saved: (result: { readonly snapshot: string }) => void,
): Promise<JobResult> {
  const { drill, config, run } = order
  const startedMs = context.clock.now()
  const began = performance.now()
  await using repository = await openChosen(context)
  await lookAtOpen(context, repository)
  const { choice, details } = newestComplete(context, repository, drill.job)
  saved({ snapshot: choice.id })
  const key = configKey(config)
  const into = drill.into ?? join(stateDirectory(context), 'drills')
  const scratch = scratchPath(into, drill.name, run, ownPaths(context))
  using left = leftovers(context, key, drill.name, scratch)
  const report = await noting(
    context,
    repository,
    { operation: 'drill', snapshots: [choice.id], drill: { name: drill.name, job: drill.job.name, run } },
    () =>
      whileThere(repository, choice.id, () =>
        drilled(context, repository, order, { choice, details, scratch, began }),
      ),
    (done) => evidenceOf(drill, done, (text) => withoutSecrets(text, context.secrets ?? [])),
    ': the evidence is in the history and the log of this run alone',
  )
  if (report.kept !== undefined) left.keep(report.kept)
  tell(context, drill, report)
  refuseFailed(drill, report)
  const { recoveryMs, categories, snapshot } = report
  const measured = { run, at: startedMs, recoveryMs, snapshot, categories }
  remembering(context, (state) => rememberMeasured(state, key, drill.name, measured))
  return { snapshot: choice.id, unreadable: 0, firstUnreadable: undefined }
}

type Chosen = { readonly choice: Choice; readonly details: SnapshotDetails }

/** Of the job's series on this machine. */
function newestComplete({ clock }: CommandContext, repository: Repository, job: JobConfig): Chosen {
  const host = job.host ?? hostname()
  const complete = summaries(repository).flatMap((choice): Chosen[] => {
    if (choice.job !== job.name || choice.hostname !== host || choice.isWal) return []
    const details = unlessDamaged(() => validateDetails(choice.row.details))
    return details === undefined || details.incomplete ? [] : [{ choice, details }]
  })
  const past = complete.filter(({ choice }) => choice.time <= clock.now() + AHEAD_MS)
  const [newest] = (past.length === 0 ? complete : past).sort(
    (a, b) => b.choice.time - a.choice.time || b.choice.number - a.choice.number,
  )
  if (newest !== undefined) return newest
  throw new SnapError('SNAPSHOT_UNKNOWN', `the job ${job.name} has no complete snapshot of ${host}`, {
    hint: `Make one with \`snap backup --job ${job.name}\`.`,
  })
}

type Parts = Chosen & { readonly scratch: string; readonly began: number }

async function drilled(
  context: CommandContext,
  repository: Repository,
  { config, drill, threads }: DrillOrder,
  { choice, details, scratch, began }: Parts,
): Promise<DrillReport> {
  const { signal } = context
  const snapshot = { id: choice.id, time: choice.time }
  stderrNote(context, `drilling snapshot ${choice.id.slice(0, 8)} of ${new Date(choice.time).toISOString()}`)
  const owner = `${configKey(config)} ${drill.name}`
  const { root } = choice.row
  return await runDrill(
    repository,
    { config, drill, snapshot, root, details, scratch, owner, began },
    {
      signal,
      threads,
      random: systemRandom,
      inspectProgram: [...ownProgram(), COPY_COMMAND],
      note: (text) => stderrNote(context, text),
      warn: (text) => stderrWarning(context, text),
      said: (of, line) => stderrNote(context, `${of}: ${line}`),
      stage: async (operate) => {
        using progress = progressOf(context)
        const done = await operate(progress.on.bind(progress))
        progress.close()
        return done
      },
    },
  )
}

function tell(context: CommandContext, drill: DrillConfig, report: DrillReport): void {
  const { globals, stdout, journal } = context
  const { snapshot, files, bytes, recoveryMs, databases, probes, failures, failuresTotal } = report
  journal?.note('drilled', {
    snapshot: snapshot.id,
    files,
    bytes,
    recovery_ms: recoveryMs,
    failed: failuresTotal,
  })
  for (const { source, kind, result, tables, rows, reasons } of databases)
    journal?.note('database', { source, kind, result, tables, rows, reason: reasons.join('; ') || undefined })
  for (const { title, failure, durationMs } of probes)
    journal?.note('probe', {
      probe: title,
      ok: failure === undefined,
      reason: failure,
      duration_ms: durationMs,
    })
  for (const { kind, what, reason } of failures.slice(0, NAMED_MAX)) journal?.failure(reason, { kind, what })
  if (globals.json) stdout.write(renderDrillJson(drill.name, report))
  else if (!globals.quiet) stdout.write(renderDrill(report))
}

function refuseFailed({ name }: DrillConfig, { failures, failuresTotal, kept }: DrillReport): void {
  const [first, ...others] = failures
    .slice(0, NAMED_MAX)
    .map(({ kind, what, reason }) => (kind === 'file' ? `${what}: ${reason}` : `${kind} ${what}: ${reason}`))
  if (first === undefined) return
  const more = failuresTotal - 1 - others.length
  throw new SnapError('DRILL_FAILED', `the drill ${name} failed: ${first}`, {
    also: [...others, ...(more > 0 ? [`and ${more} more`] : [])],
    hint:
      kept === undefined
        ? 'Look into it before you need what is saved: `keep: failed` leaves what was restored.'
        : `What was restored is at ${kept}: the next run of the drill removes it.`,
  })
}
