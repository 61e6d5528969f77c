/** `snap repair`: makes the repository as whole as what lies in it allows. */
import { SnapError } from '../../model/errors.ts'
import { packKey } from '../../object/object-keys.ts'
import type { Outcome } from '../../ops/audit/note.ts'
import type { RepairReport } from '../../ops/repair/repair.ts'
import type { PackCheckResult, PackCheckTask } from '../../workers/pack-check.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { noting } from '../noting.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { type RepairSummary, renderRepair, renderRepairJson } from '../render/repair.ts'
import { openWithSecret } from '../repository.ts'
import { threadsOf } from '../threads-option.ts'
import { notesOf, verifyOutcome } from './verify.ts'

type Options = { readonly data: boolean; readonly dryRun: boolean; readonly threads?: string }

export const repairCommand: CommandModule = {
  register(program, run) {
    program
      .command('repair')
      .description('mend what can be mended; removes nothing')
      .option('--no-data', 'look at the structure only, do not read every pack')
      .option('-n, --dry-run', 'change nothing; say what would be done', false)
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
Index objects that are lost are made again from the packs, and damaged packs are set aside, so that the next backup
stores again what only they held. Nothing is removed or overwritten. Needs the key of an admin.
Exit status 4: something is left that cannot be mended from the repository alone.

Examples:
  $ snap repair --dry-run
  $ snap repair`,
      )
      .action(run<[Options]>(inRepository(repairAction)))
  },
}

async function repairAction(context: CommandContext, options: Options): Promise<void> {
  const { repair } = await import('../../ops/repair/repair.ts')
  const { createThreadPool } = await import('../../workers/task-pool.ts')
  const { PACK_CHECK_MODULE } = await import('../../workers/thread-modules.ts')
  const { data, dryRun } = options
  const threads = threadsOf(options.threads)
  const { repository, secret } = await openWithSecret(context)
  await using _ = repository
  const startedMs = context.clock.now()
  await using pool = data
    ? createThreadPool<{ idKey: Uint8Array }, PackCheckTask, PackCheckResult>(threads, PACK_CHECK_MODULE, {
        idKey: repository.keys.idKey,
      })
    : undefined
  using progress = progressOf(context)
  const operate = (): Promise<RepairReport> =>
    repair(
      repository,
      { data, dryRun, secret },
      {
        ...(pool === undefined ? {} : { pool }),
        progress: progress.on.bind(progress),
        signal: context.signal,
      },
    )
  const report = dryRun
    ? await operate()
    : await noting(context, repository, { operation: 'repair' }, operate, (found) => outcomeOf(found, data))
  progress.close()
  const summary = summaryOf(report, options, context.clock.now() - startedMs)
  const { globals, stdout } = context
  if (globals.json) stdout.write(renderRepairJson(summary))
  else if (!globals.quiet || report.remaining > 0) stdout.write(renderRepair(summary))
  if (report.remaining === 0) return
  throw new SnapError('OBJECT_DAMAGED', 'not everything can be mended from the repository alone', {
    hint: 'Back up the sources again: what is still there as it was is stored again. Objects can be brought back from a copy of the repository.',
  })
}

function summaryOf(report: RepairReport, { data, dryRun }: Options, durationMs: number): RepairSummary {
  const { lostIndexes, packsNamed, indexesWritten, quarantined, verified } = report
  const told = new Set<string>([
    ...lostIndexes.map(({ id }) => `index/${id}`),
    ...quarantined.map(({ pack }) => packKey(pack)),
  ])
  return {
    dryRun,
    data,
    lostIndexes: lostIndexes.map(({ id, reason }) => ({ key: `index/${id}`, reason })),
    packsNamed: packsNamed.length,
    indexesWritten,
    quarantined: quarantined.map(({ pack, reason }) => ({ key: packKey(pack), reason })),
    damaged: verified.damages
      .filter(({ object }) => !told.has(object))
      .map(({ object, segment, reason }) => ({
        key: segment === undefined ? object : `${object} segment ${segment}`,
        reason,
      })),
    affected: verified.affected.map(({ snapshot, path }) => ({ snapshotId: snapshot, path })),
    affectedTotal: verified.affectedTotal,
    affectedSnapshots: verified.affectedSnapshots.length,
    healed: verified.healed.map(({ snapshot, operation, number, timeMs }) => ({
      snapshotId: snapshot,
      operation,
      entry: number,
      time: timeMs,
    })),
    notes: notesOf(verified),
    durationMs,
  }
}

function outcomeOf(report: RepairReport, data: boolean): Outcome {
  const outcome = verifyOutcome(report.verified, data)
  return {
    ...outcome,
    result: report.remaining > 0 ? 'damaged' : 'ok',
    counts: {
      ...outcome.counts,
      lost_index_objects: report.lostIndexes.length,
      packs_named: report.packsNamed.length,
      packs_quarantined: report.quarantined.length,
    },
  }
}
