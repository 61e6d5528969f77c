/** `snap backup`: saves a snapshot of paths. */
import { readFile } from 'node:fs/promises'
import { availableParallelism, hostname, userInfo } from 'node:os'
import { systemPath } from '../../base/names.ts'
import { SnapError } from '../../model/errors.ts'
import type { BackupRequest } from '../../ops/backup/backup.ts'
import type { BackupSummary } from '../../ops/backup/summary.ts'
import type { ExecutorFactory } from '../../workers/executor.ts'
import type { CompressionMode } from '../../workers/tasks.ts'
import type { CommandContext } from '../context.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { progressOf } from '../output/progress-of.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { renderBackupSummary, renderBackupSummaryJson } from '../render/backup-summary.ts'
import { openIfMade, openOrCreateDefault, ownPaths, placeOf } from '../repository.ts'
import { parseTags } from '../retention-options.ts'
import { parseSize } from '../sizes.ts'
import { sourcePaths } from '../sources.ts'
import { type StdinOptions, stdinDirectory } from '../stdin-source.ts'

type Options = {
  readonly full: boolean
  readonly dryRun: boolean
  readonly exclude: readonly string[]
  readonly excludeFile: readonly string[]
  readonly ignoreFiles: boolean
  readonly excludeCaches: boolean
  readonly excludeLargerThan?: string
  readonly oneFileSystem: boolean
  readonly label?: string
  readonly tag: readonly string[]
  readonly host?: string
  readonly time?: string
  readonly compression: string
  readonly recheck: boolean
  readonly delta: boolean
  readonly threads?: string
} & StdinOptions

const THREADS_MAX = 64
const COMPRESSIONS: readonly CompressionMode[] = ['off', 'fast', 'auto', 'max']

const collect = (value: string, before: readonly string[]): string[] => [...before, value]

export const backupCommand: CommandModule = {
  register(program, run) {
    program
      .command('backup')
      .description('save a snapshot of files and directories')
      .argument('[paths...]', 'what to save')
      .option('--full', 'read every file again, also those that look unchanged', false)
      .option('-n, --dry-run', 'store nothing; with -v, say what would be stored and why', false)
      .option('-e, --exclude <pattern>', 'leave out what matches (gitignore syntax; repeatable)', collect, [])
      .option('--exclude-file <file>', 'patterns from a file (repeatable)', collect, [])
      .option('--no-ignore-files', 'do not read .snapignore files')
      .option('--exclude-caches', 'leave out directories with a CACHEDIR.TAG', false)
      .option('--exclude-larger-than <size>', 'leave out files above a size, as 500M')
      .option('-x, --one-file-system', 'do not enter other file systems', false)
      .option('--stdin', 'save what standard input gives', false)
      .option('--stdin-from-command', 'save what a command prints: the command comes behind --', false)
      .option('--stdin-filename <name>', 'what to call that in the snapshot (stdin)')
      .option('--label <label>', 'a label for the snapshot, as incremental, full or monthly')
      .option('--tag <tags>', 'tags for the snapshot (comma-separated, repeatable)', collect, [])
      .option('--host <name>', 'the host that the snapshot is filed under (this machine)')
      .option('--time <time>', "the snapshot's time, for imports (now)")
      .option('--compression <mode>', `${COMPRESSIONS.join(', ')}`, 'auto')
      .option('--no-delta', 'store what was edited in full, not as the difference to what it was')
      .option('--no-recheck', 'do not decode each pack again before it is stored')
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
Unchanged files are recognised by size, mtime, ctime and inode and are not read again.
What comes from standard input or a command lies in the snapshot at /@stdin. A command that fails saves nothing; that whoever
writes into a pipe has failed cannot be seen, so prefer a command.
Exit status 3: a snapshot was saved, but something could not be read.

Examples:
  $ snap backup ~/documents
  $ snap backup /etc /srv --exclude '*.tmp' --tag nightly
  $ snap backup --stdin-from-command --stdin-filename app.sql -- pg_dump app`,
      )
      .action(run<[string[], Options]>(backupAction))
  },
}

async function backupAction(context: CommandContext, paths: string[], options: Options): Promise<void> {
  const threads = threadsOf(options.threads)
  const { ThreadStarter } = await import('../../workers/thread-starter.ts')
  await using starter = new ThreadStarter()
  if (!options.dryRun) starter.startEarly()
  const { createThreadsExecutor } = await import('../../workers/threads.ts')
  const executor: ExecutorFactory = (setup, ports) => createThreadsExecutor(threads, setup, ports, starter)
  const request = await requestOf(context, paths, options, executor)
  const { backup } = await import('../../ops/backup/backup.ts')
  const { createSourceFiles } = await import('../../filesystem/source-files.ts')
  await using repository = options.dryRun ? await openIfMade(context) : await openOrCreateDefault(context)
  if (repository === undefined)
    stderrNote(context, `there is no repository at ${placeOf(context).path} yet: all is new to it`)
  const { globals, stdout, clock, signal } = context
  let incomplete = 0
  {
    using progress = progressOf(context)
    const ports = {
      source: createSourceFiles(),
      clock,
      progress: progress.on.bind(progress),
      signal,
      ...(globals.verbosity > 0 && !globals.json
        ? {
            decided: (path: string, decision: string, why?: string) => {
              if (decision === 'unmodified' && globals.verbosity < 2) return
              stdout.write(
                `${decision.padEnd(10)} ${safeText(path)}${why === undefined ? '' : ` (${why})`}\n`,
              )
            },
          }
        : {}),
    }
    if (options.dryRun || repository === undefined) {
      const { planBackup } = await import('../../ops/backup/plan.ts')
      const plan = await planBackup(repository, request, ports)
      progress.close()
      incomplete = plan.summary.unreadable
      print(context, plan.summary, undefined)
    } else {
      const result = await backup(repository, request, ports)
      progress.close()
      incomplete = result.summary.unreadable
      print(context, result.summary, result.snapshot)
    }
  }
  if (incomplete > 0) {
    throw new SnapError(
      'INCOMPLETE',
      `${incomplete} ${incomplete === 1 ? 'path' : 'paths'} could not be read`,
      {
        hint: options.dryRun
          ? 'A backup would save what else there is.'
          : 'The snapshot was saved without them: the warnings above name each.',
      },
    )
  }
}

function print(
  { globals, stdout }: CommandContext,
  summary: BackupSummary,
  snapshotId: string | undefined,
): void {
  if (globals.json) stdout.write(renderBackupSummaryJson(summary, snapshotId))
  else if (!globals.quiet) stdout.write(renderBackupSummary(summary, snapshotId))
}

async function requestOf(
  context: CommandContext,
  paths: readonly string[],
  options: Options,
  executor: ExecutorFactory,
): Promise<BackupRequest> {
  const { createIgnoreRules } = await import('../../filesystem/ignore-rules.ts')
  const { isCacheDirectory } = await import('../../filesystem/cache-directory.ts')
  const { createSourceFiles } = await import('../../filesystem/source-files.ts')
  const excludes = [...options.exclude, ...(await patternsOf(options.excludeFile))]
  const source = createSourceFiles()
  const piped = stdinDirectory(context, paths, options)
  const absolute = piped === undefined ? await sourcePaths(context, paths) : []
  const own = ownPaths(context)
  refuseOwn(absolute, own, placeOf(context).path)
  warnOfAbsolute(context, excludes, absolute)
  return {
    paths: absolute,
    ...(piped === undefined ? {} : { streamed: [piped] }),
    hostname: options.host ?? hostname(),
    username: userInfo().username,
    tags: [...new Set(options.tag.flatMap(parseTags))],
    label: options.label,
    time: options.time === undefined ? undefined : await momentOf(context, options.time),
    excludes,
    walk: {
      full: options.full,
      oneFileSystem: options.oneFileSystem,
      largestFile: options.excludeLargerThan === undefined ? undefined : parseSize(options.excludeLargerThan),
      excludeCaches: options.excludeCaches,
      rules: createIgnoreRules(excludes),
      ignoreFile: options.ignoreFiles ? '.snapignore' : undefined,
      isCacheDirectory: (path) => isCacheDirectory(source, path),
      neverPaths: own,
    },
    write: {
      compression: compressionOf(options.compression),
      recheck: options.recheck,
      deltas: options.delta,
      executor,
    },
    program: { name: 'snap', version: context.version },
  }
}

/** What is inside a source is left out of it by itself; a source that is inside the repository is a mistake. */
function refuseOwn(paths: readonly string[], own: ReadonlySet<string>, repository: string): void {
  const inside = paths.find((path) =>
    [...own].some((place) => path === place || path.startsWith(`${place}/`)),
  )
  if (inside === undefined) return
  throw new SnapError(
    'SOURCE_CONTAINS_REPOSITORY',
    `${inside} belongs to the repository at ${repository} or its cache`,
    {
      hint: 'Back up something else, or choose another place with --repo.',
    },
  )
}

/** Who comes from restic or borg writes the whole path, which leaves out nothing here. */
function warnOfAbsolute(
  context: CommandContext,
  patterns: readonly string[],
  sources: readonly string[],
): void {
  for (const pattern of patterns) {
    const source = sources.find((path) => path !== '/' && pattern.startsWith(`${path}/`))
    if (source === undefined) continue
    const anchored = pattern.slice(source.length)
    stderrWarning(context, `patterns begin at each source: to leave out ${pattern}, write ${anchored}`)
  }
}

async function patternsOf(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(
    files.map((file) =>
      readFile(systemPath(file), 'utf8').catch((cause: unknown) => {
        throw new SnapError('USAGE', `cannot read the exclude file ${file}`, {
          hint: 'Check the path.',
          cause,
        })
      }),
    ),
  )
  return texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => line !== '' && !line.startsWith('#'))
}

async function momentOf({ clock }: CommandContext, text: string): Promise<number> {
  const { parseMoment } = await import('../../ops/parse-moment.ts')
  return parseMoment(text, { now: clock.now(), edge: 'first' })
}

function compressionOf(text: string): CompressionMode {
  const mode = COMPRESSIONS.find((known) => known === text)
  if (mode === undefined)
    throw new SnapError('USAGE', `unknown compression "${text}"`, {
      hint: `Choose ${COMPRESSIONS.join(', ')}.`,
    })
  return mode
}

export function threadsOf(text: string | undefined): number {
  const count = text === undefined ? Math.min(availableParallelism(), THREADS_MAX) : Number(text)
  if (!Number.isInteger(count) || count < 1 || count > THREADS_MAX) {
    throw new SnapError('USAGE', `"${text ?? ''}" is not a number of threads`, {
      hint: `Choose 1 to ${THREADS_MAX}.`,
    })
  }
  return count
}
