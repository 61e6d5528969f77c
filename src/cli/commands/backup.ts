/** `snap backup`: saves a snapshot of paths. */
import type { Config, JobConfig } from '../../jobs/config/config.ts'
import type { HookSet } from '../../jobs/hooks.ts'
import { SnapError } from '../../model/errors.ts'
import type { BackupPorts, BackupRequest } from '../../ops/backup/request.ts'
import type { BackupSummary } from '../../ops/backup/summary.ts'
import type { Repository } from '../../repository/repository.ts'
import { reasonInWords } from '../../snapshot/unreadable.ts'
import type { ExecutorFactory } from '../../workers/executor.ts'
import { type BackupOptions, COMPRESSIONS, isWholeJob, requestOf, requestOfJob } from '../backup-request.ts'
import type { CommandContext } from '../context.ts'
import { refuseRepository, repositoryContext } from '../in-repository.ts'
import type { JobOperation, JobResult } from '../job-run.ts'
import { plural } from '../output/human.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { progressOf } from '../output/progress-of.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { renderBackupSummary, renderBackupSummaryJson } from '../render/backup-summary.ts'
import { openIfMade, openOrCreateDefault, openWithSecret, placeOf } from '../repository.ts'
import { threadsOf } from '../threads-option.ts'

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
      .option('--job <name>', 'save what a job of the configuration names, and do what follows it')
      .option(
        '--scope <categories>',
        "of these categories, not of the job's (comma-separated, repeatable)",
        collect,
        [],
      )
      .option('--stdin', 'save what standard input gives', false)
      .option('--stdin-from-command', 'save what a command prints: the command comes behind --', false)
      .option('--stdin-filename <name>', 'what to call that in the snapshot (stdin)')
      .option('--label <label>', 'a label for the snapshot, as incremental, full or monthly')
      .option('--tag <tags>', 'tags for the snapshot (comma-separated, repeatable)', collect, [])
      .option('--host <name>', 'the host that the snapshot is filed under (this machine)')
      .option('--time <time>', "the snapshot's time, for imports (now)")
      .option('--compression <mode>', `${COMPRESSIONS.join(', ')} (auto)`)
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
      .action(run<[string[], BackupOptions]>(backupAction))
  },
}

async function backupAction(outer: CommandContext, paths: string[], options: BackupOptions): Promise<void> {
  if (options.job === undefined && options.scope.length > 0)
    throw new SnapError('USAGE', '--scope goes with --job', {
      hint: 'Name the job whose categories are meant.',
    })
  const threads = threadsOf(options.threads)
  const { ThreadStarter } = await import('../../workers/thread-starter.ts')
  await using starter = new ThreadStarter()
  if (!options.dryRun) starter.startEarly()
  const { createThreadsExecutor } = await import('../../workers/threads.ts')
  const executor: ExecutorFactory = (setup, ports) => createThreadsExecutor(threads, setup, ports, starter)
  if (options.job !== undefined) return await jobAction(outer, options.job, paths, options, executor)
  const context = await repositoryContext(outer)
  const request = await requestOf(context, paths, options, executor)
  if (options.dryRun) return await planAction(context, request)
  await using repository = await openOrCreateDefault(context)
  tellIncomplete((await backupAndTell(context, repository, request)).unreadable)
}

async function jobAction(
  outer: CommandContext,
  name: string,
  paths: readonly string[],
  options: BackupOptions,
  executor: ExecutorFactory,
): Promise<void> {
  if (paths.length > 0 || options.stdin || options.stdinFromCommand)
    throw new SnapError('USAGE', 'a job and what else to save were both given', { hint: 'Give one of them.' })
  refuseRepository(outer, 'a job')
  const { contextFor, jobOf, loadConfiguration } = await import('../configuration.ts')
  const config = await loadConfiguration(outer)
  const job = jobOf(config, name)
  const context = contextFor(outer, job.repository)
  if (options.dryRun)
    return await planAction(context, (await requestOfJob(context, config, job, options, executor)).request)
  const { runJob, runnableJob } = await import('../job-run.ts')
  const operate: JobOperation = (inner, saved) =>
    jobOperation(inner, { outer, config, job, options, executor }, saved)
  tellIncomplete(await runJob(context, config, runnableJob(job, isWholeJob(job, options)), operate))
}

type JobParts = {
  /** Before it was made that of the job's repository. */
  readonly outer: CommandContext
  readonly config: Config
  readonly job: JobConfig
  readonly options: BackupOptions
  readonly executor: ExecutorFactory
}

/** The backup of a job and what follows it, between its hooks. */
async function jobOperation(
  context: CommandContext,
  { outer, config, job, options, executor }: JobParts,
  saved: (result: JobResult) => void,
): Promise<JobResult> {
  const { request, hooks } = await requestOfJob(context, config, job, options, executor)
  const { jobEnvironment } = await import('../../jobs/plan-job.ts')
  const own = { of: `job ${job.name}`, hooks: job.hooks, env: jobEnvironment(job) }
  return await betweenHooksOf(context, [own], async () => {
    const opened = await openWithSecret(context)
    await using repository = opened.repository
    const result = await betweenHooksOf(context, hooks, async () => {
      const done = await backupAndTell(context, repository, request)
      saved(done)
      return done
    })
    const { followUp } = await import('../job-follow-up.ts')
    const { env, globals } = outer
    await followUp(context, opened, job, request, { ...context, env, globals })
    const { lookAtOpen } = await import('../look.ts')
    await lookAtOpen(context, repository)
    return result
  })
}

async function betweenHooksOf(
  context: CommandContext,
  sets: readonly HookSet[],
  operate: () => Promise<JobResult>,
): Promise<JobResult> {
  const { betweenHooks } = await import('../../jobs/hooks.ts')
  const ports = {
    said: (hook: string, line: string) => stderrNote(context, `${hook}: ${line}`),
    warn: (text: string) => stderrWarning(context, text),
    signal: context.signal,
  }
  return await betweenHooks(sets, ports, operate, ({ unreadable }) => (unreadable > 0 ? 'incomplete' : 'ok'))
}

/** Says what a backup would read. */
async function planAction(context: CommandContext, request: BackupRequest): Promise<void> {
  const { planBackup } = await import('../../ops/backup/plan.ts')
  await using repository = await openIfMade(context)
  if (repository === undefined)
    stderrNote(context, `there is no repository at ${placeOf(context).path} yet: all is new to it`)
  const summary = await telling(
    context,
    async (ports) => (await planBackup(repository, request, ports)).summary,
  )
  print(context, summary, undefined)
  tellIncomplete(summary.unreadable, 'A backup would save what else there is.')
}

/** Saves a snapshot and prints what became of it. */
async function backupAndTell(
  context: CommandContext,
  repository: Repository,
  request: BackupRequest,
): Promise<JobResult> {
  const { backup } = await import('../../ops/backup/backup.ts')
  const result = await telling(context, (ports) => backup(repository, request, ports))
  const { summary, snapshot } = result
  print(context, summary, snapshot)
  const { bytesRead, bytesStored, filesTotal, unreadable } = summary
  context.journal?.note('saved', {
    snapshot,
    files: filesTotal,
    read_bytes: bytesRead,
    added_bytes: bytesStored,
  })
  const [first] = result.unreadable
  const firstUnreadable = first === undefined ? undefined : `${first.path}: ${reasonInWords(first.reason)}`
  return { snapshot, bytes: { read: bytesRead, added: bytesStored }, unreadable, firstUnreadable }
}

/** Runs with what a backup needs of the process; what is decided of each path is printed where that was asked for. */
async function telling<T>(context: CommandContext, operate: (ports: BackupPorts) => Promise<T>): Promise<T> {
  const { createSourceFiles } = await import('../../filesystem/source-files.ts')
  const { globals, stdout, clock, signal } = context
  using progress = progressOf(context)
  const decided = (path: string, decision: string, why?: string): void => {
    if (decision === 'unmodified' && globals.verbosity < 2) return
    stdout.write(`${decision.padEnd(10)} ${safeText(path)}${why === undefined ? '' : ` (${why})`}\n`)
  }
  const result = await operate({
    source: createSourceFiles(),
    clock,
    progress: progress.on.bind(progress),
    signal,
    ...(globals.verbosity > 0 && !globals.json ? { decided } : {}),
  })
  progress.close()
  return result
}

function tellIncomplete(
  count: number,
  hint = 'The snapshot was saved without them: the warnings above name each.',
): void {
  if (count === 0) return
  throw new SnapError('INCOMPLETE', `${plural(count, 'path')} could not be read`, { hint })
}

function print(
  { globals, stdout }: CommandContext,
  summary: BackupSummary,
  snapshotId: string | undefined,
): void {
  if (globals.json) stdout.write(renderBackupSummaryJson(summary, snapshotId))
  else if (!globals.quiet) stdout.write(renderBackupSummary(summary, snapshotId))
}
