/** `snap verify`: checks that what is stored can be restored. */
import { SnapError } from '../../model/errors.ts'
import type { Outcome } from '../../ops/audit/note.ts'
import type { VerifyReport as Report } from '../../ops/verify/report.ts'
import type { PackCheckResult, PackCheckTask } from '../../workers/pack-check.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { noting } from '../noting.ts'
import { humanBytes, plural } from '../output/human.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { renderVerifyReport, renderVerifyReportJson } from '../render/verify-report.ts'
import { type Opened, openWithSecret } from '../repository.ts'
import { threadsOf } from '../threads-option.ts'

type Options = { readonly data: boolean; readonly threads?: string }

export const verifyCommand: CommandModule = {
  register(program, run) {
    program
      .command('verify')
      .description('check that what is stored can be restored')
      .option('--data', 'read, decrypt and hash everything, not only the structure', false)
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
Changes nothing but the audit trail, which gets a note of it. Exit status 4: something is damaged; every damaged object and affected file is named.

Examples:
  $ snap verify
  $ snap verify --data`,
      )
      .action(run<[Options]>(inRepository(verifyAction)))
  },
}

async function verifyAction(context: CommandContext, options: Options): Promise<void> {
  const threads = threadsOf(options.threads)
  const opened = await openWithSecret(context)
  await using _ = opened.repository
  await verifyAndTell(context, opened, { data: options.data, threads })
}

/** Verifies and prints what was found. `OBJECT_DAMAGED` where something is. */
export async function verifyAndTell(
  context: CommandContext,
  { repository, secret }: Opened,
  { data, threads }: { readonly data: boolean; readonly threads: number },
): Promise<void> {
  const { verify } = await import('../../ops/verify/verify.ts')
  const { createThreadPool } = await import('../../workers/task-pool.ts')
  const startedMs = context.clock.now()
  const { PACK_CHECK_MODULE } = await import('../../workers/thread-modules.ts')
  await using pool = data
    ? createThreadPool<{ idKey: Uint8Array }, PackCheckTask, PackCheckResult>(threads, PACK_CHECK_MODULE, {
        idKey: repository.keys.idKey,
      })
    : undefined
  using progress = progressOf(context)
  const operate = (): Promise<Report> =>
    verify(
      repository,
      { data, secret },
      {
        ...(pool === undefined ? {} : { pool }),
        progress: progress.on.bind(progress),
        signal: context.signal,
      },
    )
  const report = await noting(context, repository, { operation: 'verify' }, operate, (found) =>
    verifyOutcome(found, data),
  )
  progress.close()
  const rendered = {
    data,
    snapshots: report.snapshots,
    packs: report.packsChecked,
    chunks: report.chunksChecked,
    bytes: report.bytesChecked,
    damaged: report.damages.map(({ object, segment, reason }) => ({
      key: segment === undefined ? object : `${object} segment ${segment}`,
      reason,
    })),
    affected: report.affected.map(({ snapshot, path }) => ({ snapshotId: snapshot, path })),
    affectedTotal: report.affectedTotal,
    affectedSnapshots: report.affectedSnapshots.length,
    healed: report.healed.map(({ snapshot, operation, number, timeMs }) => ({
      snapshotId: snapshot,
      operation,
      entry: number,
      time: timeMs,
    })),
    notes: notesOf(report),
    durationMs: context.clock.now() - startedMs,
  }
  const { lookAtVerified } = await import('../look.ts')
  lookAtVerified(context, !isDamaged(report))
  const { globals, stdout } = context
  if (globals.json) stdout.write(renderVerifyReportJson(rendered))
  else if (!globals.quiet || isDamaged(report)) stdout.write(renderVerifyReport(rendered))
  if (isDamaged(report)) {
    const what =
      report.damages.length > 0
        ? `${plural(report.damages.length, 'object')} damaged`
        : `${plural(report.affectedTotal, 'file')} affected`
    throw new SnapError('OBJECT_DAMAGED', what, {
      hint: 'What is not listed as affected can be restored. `snap repair` mends what can be mended; remove nothing.',
    })
  }
}

/** What cannot be read counts, whether or not it is known what is at fault. */
const isDamaged = ({ damages, affectedTotal }: Report): boolean => damages.length + affectedTotal > 0

/** What a note says of a verification. */
export function verifyOutcome(report: Report, data: boolean): Outcome {
  return {
    result: isDamaged(report) ? 'damaged' : 'ok',
    counts: {
      snapshots: report.snapshots,
      packs: report.packsChecked,
      damaged_objects: report.damages.length,
      affected_files: report.affectedTotal,
    },
    bytes: report.bytesChecked,
    data,
    affected: report.affectedSnapshots,
  }
}

/** Findings that are no damage. */
export function notesOf({ unreferenced, unreferencedBytes, quarantined }: Report): string[] {
  const whole = quarantined.filter(({ found }) => found === 'whole')
  return [
    ...(unreferenced > 0
      ? [
          `${plural(unreferenced, 'object')} that nothing refers to, ${humanBytes(unreferencedBytes)}: what unfinished backups leave; \`snap prune\` removes it when it is old enough (--stray-age)`,
        ]
      : []),
    ...(quarantined.length > 0
      ? [`${plural(quarantined.length, 'pack')} found damaged before: no backup relies on them`]
      : []),
    ...whole.map(
      ({ pack }) => `pack ${pack} was found damaged before and is whole now: it can be read again`,
    ),
  ]
}
