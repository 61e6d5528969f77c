/** `snap wal`: continuous archiving of PostgreSQL: what its server calls for each file of WAL, and what the archive has. */
import type { BackupRequest } from '../../ops/backup/request.ts'
import type { ExecutorFactory } from '../../workers/executor.ts'
import { concealed } from '../concealed-context.ts'
import type { CommandContext } from '../context.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrWarning } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'
import { openChosen } from '../repository.ts'
import { threadsOf } from '../threads-option.ts'
import { userName } from '../user-name.ts'
import { type WalSource, walSeries, walSourceOf } from '../wal-source.ts'

type JobOption = { readonly job?: string }
type FetchOptions = JobOption & { readonly system?: string }

const JOB = ['--job <name>', 'of this job, where several save the source'] as const

export const walCommand: CommandModule = {
  register(program, run) {
    const wal = program
      .command('wal')
      .description('archive the WAL of a PostgreSQL server, and give it back')
      .addHelpText('after', '\nExample:\n  $ snap wal list cluster')
    wal
      .command('push')
      .description('take a file of WAL into the archive: archive_command of PostgreSQL')
      .argument('<cluster>', 'a source of the configuration that is a postgres-cluster')
      .argument('<path>', 'the file: %p')
      .option(...JOB)
      .addHelpText(
        'after',
        `
The file is durable in the repository when the status is 0. Others that wait in archive_status are taken with it.

Example, in postgresql.conf:
  archive_command = 'snap wal push cluster "%p" --config /etc/snap/snap.yaml'`,
      )
      .action(run<[string, string, JobOption]>(concealed(pushAction)))
    wal
      .command('fetch')
      .description('write a file of the archive where PostgreSQL wants it: restore_command')
      .argument('<cluster>', 'a source of the configuration that is a postgres-cluster')
      .argument('<name>', 'the name of the file: %f')
      .argument('<path>', 'where to write it: %p')
      .option(...JOB)
      .option(
        '--system <identifier>',
        'of this cluster (the one whose data directory is the working directory)',
      )
      .addHelpText(
        'after',
        `
Exit status 1: the archive does certainly not have it. Whatever else is wrong ends with a status above 125, for PostgreSQL
takes all others for the end of the WAL.

Example, in postgresql.conf:
  restore_command = 'snap wal fetch cluster %f "%p" --config /etc/snap/snap.yaml'`,
      )
      .action(run<[string, string, string, FetchOptions]>(concealed(fetchAction)))
    wal
      .command('list')
      .description('say what the archive has, what is missing, and from when to when recovery is possible')
      .argument('<cluster>', 'a source of the configuration that is a postgres-cluster')
      .option(...JOB)
      .addHelpText('after', '\nExample:\n  $ snap wal list cluster')
      .action(run<[string, JobOption]>(listAction))
  },
}

async function pushAction(
  outer: CommandContext,
  name: string,
  path: string,
  { job }: JobOption,
): Promise<void> {
  const { ThreadStarter } = await import('../../workers/thread-starter.ts')
  await using starter = new ThreadStarter()
  const wal = await walSourceOf(outer, name, job)
  const { context } = wal
  const { createThreadsExecutor } = await import('../../workers/threads.ts')
  const executor: ExecutorFactory = (setup, ports) =>
    createThreadsExecutor(threadsOf(undefined), setup, ports, starter)
  const { absolutePath } = await import('../../filesystem/absolute-path.ts')
  const { createSourceFiles } = await import('../../filesystem/source-files.ts')
  const { pushWal } = await import('../../ops/wal/push.ts')
  await using repository = await openChosen(context)
  const request = { ...(await requestOf(wal, executor)), source: name, path: absolutePath(path) }
  const { clock, signal, globals, stdout } = context
  const pushed = await pushWal(repository, request, {
    source: createSourceFiles(),
    clock,
    signal,
    progress: (event) => {
      if (event.kind === 'warning') stderrWarning(context, `${event.path}: ${event.reason}`)
    },
  })
  const { snapshot, files } = pushed
  if (globals.json)
    stdout.write(
      jsonLine({
        message_type: 'wal_pushed',
        source: name,
        name: pushed.name,
        snapshot_id: snapshot ?? null,
        files,
      }),
    )
  else if (globals.verbosity > 0)
    stdout.write(
      snapshot === undefined ? `${pushed.name} was archived before\n` : `archived ${files.join(', ')}\n`,
    )
}

async function requestOf(
  wal: WalSource,
  executor: ExecutorFactory,
): Promise<Omit<BackupRequest, 'paths' | 'streamed' | 'sources'>> {
  const { createIgnoreRules } = await import('../../filesystem/ignore-rules.ts')
  return {
    ...walSeries(wal),
    username: userName(),
    tags: [],
    excludes: [],
    walk: {
      full: false,
      oneFileSystem: false,
      largestFile: undefined,
      excludeCaches: false,
      rulesAt: () => createIgnoreRules([]),
      ignoreFile: undefined,
      isCacheDirectory: () => false,
      neverPaths: new Set(),
    },
    // A segment has nothing of another.
    write: { compression: wal.job.compression, recheck: true, deltas: false, executor },
    program: { name: 'snap', version: wal.context.version },
  }
}

async function listAction(outer: CommandContext, source: string, { job }: JobOption): Promise<void> {
  const { context } = await walSourceOf(outer, source, job)
  const { archivesOf, historiesOf } = await import('../../ops/wal/archive.ts')
  const { renderArchives, renderArchivesJson } = await import('../render/wal.ts')
  const { describeArchive } = await import('../../ops/wal/describe.ts')
  await using repository = await openChosen(context)
  const described = []
  for (const archive of archivesOf(repository, source))
    described.push(describeArchive(archive, await historiesOf(repository, archive, context.signal)))
  const { globals, stdout } = context
  stdout.write(globals.json ? renderArchivesJson(source, described) : renderArchives(source, described))
}

async function fetchAction(
  outer: CommandContext,
  source: string,
  name: string,
  path: string,
  { job, system }: FetchOptions,
): Promise<void> {
  const { context } = await walSourceOf(outer, source, job)
  const { absolutePath } = await import('../../filesystem/absolute-path.ts')
  const { fetchWal } = await import('../../ops/wal/fetch.ts')
  const { systemHere } = await import('../../ops/wal/local-wal.ts')
  await using repository = await openChosen(context)
  const wanted = { source, name, system: system ?? (await systemHere()), target: absolutePath(path) }
  const file = await fetchWal(repository, wanted, context.signal)
  const { globals, stdout } = context
  if (globals.json)
    stdout.write(
      jsonLine({
        message_type: 'wal_fetched',
        source,
        name,
        snapshot_id: file.snapshot.id,
        target: wanted.target,
      }),
    )
  else if (globals.verbosity > 0) stdout.write(`${name} is in ${wanted.target}\n`)
}
