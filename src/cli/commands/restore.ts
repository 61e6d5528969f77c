/** `snap restore`: brings a snapshot, or part of it, back. */
import { resolve } from 'node:path'
import { umask } from 'node:process'
import { AssertionError } from '../../base/assert.ts'
import { absolutePath, realPath } from '../../filesystem/absolute-path.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import { SnapError, unlessDamaged } from '../../model/errors.ts'
import type { Outcome } from '../../ops/audit/note.ts'
import type { OverwritePolicy } from '../../ops/restore/decide.ts'
import type { RestoreFailure, RestoreReport } from '../../ops/restore/report.ts'
import type { RestorePorts } from '../../ops/restore/restore.ts'
import type { RestoreSetup } from '../../workers/restore-main.ts'
import type { RestoreTask, RestoreTaskResult } from '../../workers/restore-task.ts'
import { chooseSnapshot, type SnapshotOptions, splitSnapshot } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { noting } from '../noting.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { progressOf } from '../output/progress-of.ts'
import { jsonPath } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { renderRestoreAction } from '../render/restore-action.ts'
import { renderRestoreSummary, renderRestoreSummaryJson } from '../render/restore-summary.ts'
import { openChosen, ownPaths } from '../repository.ts'
import { parseTags } from '../retention-options.ts'
import { threadsOf } from '../threads-option.ts'

type Options = SnapshotOptions & {
  readonly target?: string
  readonly inPlace: boolean
  readonly overwrite: string
  readonly delete: boolean
  readonly dryRun: boolean
  readonly owner: boolean
  readonly threads?: string
  readonly category: readonly string[]
  readonly type: readonly string[]
  readonly source: readonly string[]
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

export const POLICIES: readonly OverwritePolicy[] = ['always', 'if-changed', 'if-newer', 'never']

export const restoreCommand: CommandModule = {
  register(program, run) {
    program
      .command('restore')
      .description('bring a snapshot, or part of it, back')
      .argument('[snapshot]', 'latest, an id or its beginning; SNAPSHOT:DIR for what is in DIR', 'latest')
      .argument('[paths...]', 'only these paths of the snapshot, or globs')
      .option('--at <time>', 'the state at a moment: "2025-11-19T02:00", "yesterday", "2 hours ago"')
      .option('-t, --target <dir>', 'restore below this directory (made where it does not exist)')
      .option('--in-place', 'put everything back where it was', false)
      .option(
        '--category <names>',
        'only what a job saved of these categories (comma-separated, repeatable)',
        collect,
        [],
      )
      .option(
        '--type <names>',
        'only these data types, of those categories (comma-separated, repeatable)',
        collect,
        [],
      )
      .option('--source <names>', 'only these sources of a job (comma-separated, repeatable)', collect, [])
      .option('--overwrite <policy>', `what is there already: ${POLICIES.join(', ')}`, 'always')
      .option('--delete', 'remove what the snapshot does not have from restored directories', false)
      .option('-n, --dry-run', 'change nothing; with -v, list what would change', false)
      .option('--no-owner', 'leave files to the user who restores')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--job <name>', 'only snapshots of this job')
      .option('--tag <tag>', 'only snapshots with this tag')
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
The source's absolute paths are made again below --target; without it and without --in-place, a new
directory ./restored-ID is made. Files that have the right content are not written again.
A path that lies in the snapshot as it is written is meant by itself. Others are globs: *, ? and [...] match within
a name, ** any number of names, and a backslash takes the next character as it is.
--delete also removes what was excluded from the backup, since the snapshot does not have it: try --dry-run -v.
What stands in the place of an entry of another kind is replaced with always and if-changed, but for a directory
that is not empty: only --delete removes what is in it. With if-newer and never it stays, and is named.
-v lists what changes, -vv also what stays as it is.
Exit status 3: something could not be restored; what, is listed.

Examples:
  $ snap restore
  $ snap restore latest /home/me/documents/thesis.tex --target /tmp/back
  $ snap restore --at "2 hours ago" --path /srv --in-place
  $ snap restore 1a2b3c4d:/srv/www --target /srv/www --delete
  $ snap restore --category critical --target /tmp/back`,
      )
      .action(run<[string, string[], Options]>(inRepository(restoreAction)))
  },
}

/** What categories, data types and sources stand for in the snapshot; nothing where none is named. */
async function pathsOf({ details }: SnapshotRow, { category, type, source }: Options): Promise<string[]> {
  const { isAnyWanted, pathsOfSources } = await import('../../ops/restore/source-paths.ts')
  const names = (texts: readonly string[]): string[] => texts.flatMap(parseTags)
  const wanted = { categories: names(category), types: names(type), names: names(source) }
  if (!isAnyWanted(wanted)) return []
  const { validateDetails } = await import('../../log/details.ts')
  return pathsOfSources(unlessDamaged(() => validateDetails(details))?.sources ?? [], wanted)
}

async function restoreAction(
  context: CommandContext,
  text: string,
  paths: string[],
  options: Options,
): Promise<void> {
  // Files are created with their final mode, whatever the caller's mask.
  umask(0)
  const overwrite = POLICIES.find((policy) => policy === options.overwrite)
  if (overwrite === undefined) {
    throw new SnapError('USAGE', `unknown policy "${options.overwrite}"`, {
      hint: `Choose ${POLICIES.join(', ')}.`,
    })
  }
  const threads = threadsOf(options.threads)
  const { snapshot, subdirectory } = splitSnapshot(text)
  await using repository = await openChosen(context)
  const choice = chooseSnapshot(context, repository, snapshot, options)
  const sourcePaths = await pathsOf(choice.row, options)
  const target = targetOf(options, choice.id, subdirectory)
  const { restore } = await import('../../ops/restore/restore.ts')
  const { isGone, whileThere } = await import('../../ops/overtaken.ts')
  const { selectPaths } = await import('../../ops/restore/select-paths.ts')
  const { createTargetFiles } = await import('../../filesystem/target-files.ts')
  const { createInThreadPool, createThreadPool } = await import('../../workers/task-pool.ts')
  const { RESTORE_MODULE } = await import('../../workers/thread-modules.ts')
  const files = createTargetFiles()
  const { root } = choice.row
  using progress = progressOf(context)
  const startedMs = context.clock.now()
  const operate = async (): Promise<RestoreReport> =>
    whileThere(repository, choice.id, async () => {
      // Before anything is made: what the snapshot does not have leaves no directory behind.
      const select = await selectPaths(
        repository,
        { root, strip: subdirectory, paths, saved: sourcePaths },
        context.signal,
      )
      if (!options.dryRun) files.openRoot(target)[Symbol.dispose]()
      const setup: RestoreSetup = { idKey: repository.keys.idKey, target }
      // A dry run starts no thread: each would open the target, and so make it.
      await using pool = options.dryRun
        ? createInThreadPool<RestoreTask, RestoreTaskResult>(refuseToWrite)
        : createThreadPool<RestoreSetup, RestoreTask, RestoreTaskResult>(threads, RESTORE_MODULE, setup)
      return await restore(
        repository,
        {
          root,
          select,
          strip: subdirectory,
          target: realPath(target),
          overwrite,
          deleteExtra: options.delete,
          sources: choice.row.paths,
          keep: ownPaths(context),
          dryRun: options.dryRun,
          keepOwner: options.owner,
        },
        {
          target: files,
          pool,
          progress: progress.on.bind(progress),
          signal: context.signal,
          ...listing(context),
        },
      )
    })
  const intent = { operation: 'restore', snapshots: [choice.id], target }
  const report = options.dryRun
    ? await operate()
    : await noting(context, repository, intent, operate, outcomeOf)
  // Only what was restored tells how much there was.
  progress.on({ kind: 'total', files: 0, bytes: 0, final: true })
  progress.close()
  const summary = {
    snapshotId: choice.id,
    target,
    selected: paths.length > 0,
    inPlace: options.inPlace,
    dryRun: options.dryRun,
    restored: report.filesRestored + report.others,
    skipped: report.filesUnchanged + report.filesKept,
    deleted: report.filesDeleted,
    failed: report.failures.length,
    bytesWritten: report.bytesWritten,
    bytesTotal: report.bytesTotal,
    durationMs: context.clock.now() - startedMs,
    notKept: report.losses.map(({ what, count, example }) =>
      count === 1 ? `${what} (${example})` : `${what} (${count} times, as for ${example})`,
    ),
  }
  const { globals, stdout } = context
  // For people they were written as they came.
  for (const failure of globals.json ? report.failures : []) {
    stdout.write(jsonLine({ message_type: 'error', ...failure, ...jsonPath(failure.path) }))
  }
  if (globals.json) stdout.write(renderRestoreSummaryJson(summary))
  else if (!globals.quiet) stdout.write(renderRestoreSummary(summary))
  if (report.failures.length > 0) {
    const left = `${plural(report.failures.length, 'entry', 'entries')} could not be restored`
    const gone =
      report.failures.some(({ side }) => side === 'repository') && (await isGone(repository, choice.id))
    throw gone
      ? new SnapError('INCOMPLETE', `${left}: the snapshot was forgotten and pruned meanwhile`, {
          hint: '`snap snapshots` lists those that there are; restore one of them.',
        })
      : new SnapError('INCOMPLETE', left, {
          hint: hintFor(report.failures, !options.dryRun && summary.restored + summary.skipped > 0),
        })
  }
}

/** `-v`: what changes; `-vv`: also what stays. */
function listing({ globals, stdout }: CommandContext): Pick<RestorePorts, 'decided'> {
  const { verbosity, json } = globals
  if (verbosity === 0) return {}
  return {
    decided(path, action, bytes) {
      if (verbosity < 2 && (action === 'unchanged' || action === 'keep')) return
      stdout.write(renderRestoreAction(path, action, bytes, json))
    },
  }
}

/** `hasOthers`: something was restored. */
function hintFor(failures: readonly RestoreFailure[], hasOthers: boolean): string {
  const isOccupied = failures.some(({ code }) => code === 'TARGET_OCCUPIED')
  const hints = [
    `They are listed above${hasOthers ? '; everything else is in place' : ''}.`,
    ...(isOccupied ? ['Move away what stands in the way, or restore to another place with --target.'] : []),
    ...(failures.some(isDamage) ? ['`snap verify --data` says what is damaged.'] : []),
  ]
  return hints.join(' ')
}

function isDamage({ side, code }: RestoreFailure): boolean {
  return (
    side === 'repository' &&
    (code === 'OBJECT_DAMAGED' || code === 'OBJECT_MISSING' || code === 'LIMIT_EXCEEDED')
  )
}

function outcomeOf(report: RestoreReport): Outcome {
  const { filesRestored, filesUnchanged, filesKept, filesDeleted, failures, bytesWritten } = report
  return {
    result: failures.length > 0 ? 'incomplete' : 'ok',
    counts: {
      files_restored: filesRestored + report.others,
      files_skipped: filesUnchanged + filesKept,
      files_deleted: filesDeleted,
      files_failed: failures.length,
    },
    bytes: bytesWritten,
  }
}

function refuseToWrite(): never {
  throw new AssertionError('a dry run writes nothing')
}

function targetOf(options: Options, id: string, subdirectory: string | undefined): string {
  if (options.inPlace && options.target !== undefined) {
    throw new SnapError('USAGE', '--target and --in-place were both given', { hint: 'Give one of them.' })
  }
  if (options.inPlace) return subdirectory === undefined ? '/' : resolve('/', subdirectory)
  return absolutePath(options.target ?? `restored-${id.slice(0, 8)}`)
}
