/** Copies snapshots and tells what became of each, noted in both repositories: for `snap copy`, and for what follows a job. */
import { SnapError } from '../model/errors.ts'
import type { Outcome } from '../ops/audit/note.ts'
import type { CopySummary } from '../ops/copy/copy-counter.ts'
import type { CopiesReport } from '../ops/copy/copy-snapshots.ts'
import type { PlannedCopy } from '../ops/copy/plan-copy.ts'
import type { Repository } from '../repository/repository.ts'
import type { WriteOptions } from '../repository/write-session.ts'
import type { CommandContext } from './context.ts'
import type { Destination } from './destination.ts'
import { noting } from './noting.ts'
import { plural } from './output/human.ts'
import { stderrWarning } from './output/notes.ts'
import { progressOf } from './output/progress-of.ts'
import { renderCopied, renderCopiedJson, renderCopySummary, renderCopySummaryJson } from './render/copy.ts'
import { placeOf } from './repository.ts'

/** `INCOMPLETE` where something of a snapshot, or all of one, could not be read. */
export async function copyAndTell(
  context: CommandContext,
  source: Repository,
  destination: Destination,
  snapshots: readonly PlannedCopy[],
  write: WriteOptions,
): Promise<void> {
  const { copySnapshots } = await import('../ops/copy/copy-snapshots.ts')
  const { globals, stdout, clock, signal } = context
  const startedMs = clock.now()
  let progress = progressOf(context)
  const print = (text: string): void => {
    progress.close()
    stdout.write(text)
    progress = progressOf(context)
  }
  const operate = (): Promise<CopiesReport> =>
    copySnapshots(source, destination.repository, snapshots, write, {
      progress: (event) => progress.on(event),
      signal,
      copied: ({ row }, result) => {
        if (globals.json) print(renderCopiedJson(row.id, result))
        else if (!globals.quiet) print(renderCopied(row.id, result))
      },
      failed: ({ row }, { message }) => stderrWarning(context, `snapshot ${row.id.slice(0, 8)}: ${message}`),
    })
  const report = await notedInBoth(context, source, destination, snapshots, operate).finally(() =>
    progress.close(),
  )
  const { copied, failed, summary } = report
  const to = placeOf(destination.context).path
  context.journal?.note('copied', {
    to,
    snapshots: copied.length,
    read_bytes: summary.bytesRead,
    added_bytes: summary.bytesStored,
  })
  const told = {
    ...summary,
    copied: copied.length,
    failed: failed.length,
    durationMs: clock.now() - startedMs,
  }
  if (globals.json) stdout.write(renderCopySummaryJson(told))
  else if (!globals.quiet) stdout.write(renderCopySummary(told))
  refuseLacking(failed.length, summary)
}

function refuseLacking(failed: number, { damaged }: CopySummary): void {
  if (failed + damaged === 0) return
  const what = [
    ...(damaged === 0 ? [] : [`${plural(damaged, 'path')} could not be read`]),
    ...(failed === 0 ? [] : [`${plural(failed, 'snapshot')} could not be copied`]),
  ]
  throw new SnapError('INCOMPLETE', what.join(', and '), {
    hint: 'The warnings above name each. `snap verify --data` says what is damaged in the repository that was copied from.',
  })
}

/** Nothing is noted where nothing was to be copied: a log would grow by that each night. */
async function notedInBoth(
  context: CommandContext,
  source: Repository,
  { context: there, repository }: Destination,
  snapshots: readonly PlannedCopy[],
  operate: () => Promise<CopiesReport>,
): Promise<CopiesReport> {
  if (snapshots.length === 0) return await operate()
  const operation = 'copy'
  const copies = { operation, snapshots: snapshots.map(({ ids }) => ids.whole) }
  const originals = {
    operation,
    snapshots: snapshots.map(({ row }) => row.id),
    target: placeOf(there).path,
  }
  const outcomeOf = ({ copied, failed, summary }: CopiesReport): Outcome => ({
    result: failed.length + summary.damaged > 0 ? 'incomplete' : 'ok',
    counts: {
      snapshots_copied: copied.length,
      snapshots_failed: failed.length,
      paths_damaged: summary.damaged,
    },
    bytes: summary.bytesStored,
  })
  return await noting(
    context,
    source,
    originals,
    () => noting(there, repository, copies, operate, outcomeOf),
    outcomeOf,
  )
}
