/** `snap db`: the databases of the configuration: whether they can be reached, what they hold, and bringing them back. */
import type {
  ClusterSource,
  Config,
  PostgresSource,
  SourceConfig,
  SqliteSource,
} from '../../jobs/config/config.ts'
import { type Note, validateDetails } from '../../log/details.ts'
import { messageOf, SnapError, unlessDamaged } from '../../model/errors.ts'
import { type Choice, chooseSnapshot, type SnapshotOptions } from '../choose-snapshot.ts'
import { concealed } from '../concealed-context.ts'
import { loadConfiguration } from '../configuration.ts'
import type { CommandContext } from '../context.ts'
import { COPY_COMMAND } from '../copy-command.ts'
import { jobContext } from '../in-repository.ts'
import { noting } from '../noting.ts'
import { humanBytes, humanCount } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { openChosen } from '../repository.ts'
import { jobWith } from '../source-job.ts'
import { registerRecover } from './db-recover.ts'

type RestoreOptions = SnapshotOptions & {
  readonly job?: string
  readonly snapshot?: string
  readonly to?: string
  readonly create: boolean
  readonly clean: boolean
  /** `false` with `--no-owner`. */
  readonly owner: boolean
  readonly evenInUse: boolean
  readonly evenDamaged: boolean
}

/** What comes back from one snapshot. */
type RestorableSource = SqliteSource | PostgresSource
type DatabaseSource = RestorableSource | ClusterSource

export const dbCommand: CommandModule = {
  register(program, run) {
    const db = program
      .command('db')
      .description('look at the databases of the configuration, and bring them back')
      .addHelpText('after', '\nExample:\n  $ snap db test bank')
    db.command('test')
      .description('say whether a database can be reached')
      .argument('<source>', 'a source of the configuration')
      .addHelpText('after', '\nExample:\n  $ snap db test bank')
      .action(run<[string, object]>(concealed(testAction)))
    db.command('info')
      .description('say what a database holds')
      .argument('<source>', 'a source of the configuration')
      .addHelpText('after', '\nExample:\n  $ snap db info bank')
      .action(run<[string, object]>(concealed(infoAction)))
    db.command('restore')
      .description('bring a database back from a snapshot')
      .argument('<source>', 'a source of the configuration')
      .option('--job <name>', 'of this job, where several save the source')
      .option('--snapshot <snapshot>', 'latest, an id or its beginning', 'latest')
      .option('--at <time>', 'the state at a moment: "2025-11-19T02:00", "yesterday", "2 hours ago"')
      .option('--host <name>', 'only snapshots of this host')
      .option('--to <place>', 'into another file (SQLite) or database (PostgreSQL)')
      .option('--create', 'PostgreSQL: make the database first', false)
      .option('--clean', 'PostgreSQL: replace what the database has', false)
      .option('--no-owner', 'PostgreSQL: everything belongs to who restores, without rights of others')
      .option('--even-in-use', 'SQLite: although another process has it open', false)
      .option('--even-damaged', 'SQLite: although the copy fails its check', false)
      .addHelpText(
        'after',
        `
SQLite: written beside the file, checked, and swapped in one step; what stood there is kept as FILE.before-TIME.
PostgreSQL: in one transaction, into an empty database unless --clean. A role that is no member of the owners needs --no-owner.
Without --snapshot, the newest snapshot in which the database could be read; --repo names another repository that has it.

Examples:
  $ snap db restore ledger --at yesterday
  $ snap db restore bank --to bank_of_yesterday --create`,
      )
      .action(run<[string, RestoreOptions]>(concealed(restoreAction)))
    registerRecover(db, run)
    // What a backup of a SQLite database runs, and without a second path a drill. It is hidden since it is no promise to anybody else.
    program
      .command(COPY_COMMAND, { hidden: true })
      .argument('<from>')
      .argument('[to]')
      .action(run<[string, string | undefined, object]>(copyAction))
  },
}

async function copyAction(
  { stdout, signal }: CommandContext,
  from: string,
  to: string | undefined,
): Promise<void> {
  const { copyDatabase, inspectDatabase } = await import('../../sqlite/online-copy.ts')
  try {
    if (to !== undefined) await copyDatabase(from, to, signal)
  } catch (cause) {
    signal.throwIfAborted()
    throw new SnapError('SOURCE_UNREADABLE', messageOf(cause), { cause })
  }
  stdout.write(JSON.stringify(inspectDatabase(to ?? from)))
}

async function testAction(context: CommandContext, name: string): Promise<void> {
  const source = databaseOf(await loadConfiguration(context), name)
  await factsOf(source, context.signal)
  const { globals, stdout } = context
  if (globals.json)
    stdout.write(jsonLine({ message_type: 'database', source: name, kind: source.kind, reached: true }))
  else if (!globals.quiet) stdout.write(`${name} can be reached\n`)
}

async function infoAction(context: CommandContext, name: string): Promise<void> {
  const source = databaseOf(await loadConfiguration(context), name)
  const facts = await factsOf(source, context.signal)
  const { globals, stdout } = context
  if (globals.json)
    stdout.write(jsonLine({ message_type: 'database', source: name, kind: source.kind, facts }))
  else stdout.write(Object.entries(facts).map(factLine).join(''))
}

const FACT_TITLE_CHARS = 19

function factLine([name, value]: readonly [string, Note[string]]): string {
  const title = `${name.replaceAll('_', ' ')}:`.padEnd(FACT_TITLE_CHARS)
  if (name === 'rows' && typeof value === 'object' && value !== null)
    return Object.entries(value)
      .map(
        ([table, rows]) =>
          `${'rows:'.padEnd(FACT_TITLE_CHARS)}${safeText(table)} ${humanCount(Number(rows))}\n`,
      )
      .join('')
  if (name === 'size' || name === 'segment_bytes') return `${title}${humanBytes(Number(value))}\n`
  return `${title}${typeof value === 'number' ? humanCount(value) : safeText(String(value))}\n`
}

async function factsOf(source: DatabaseSource, signal: AbortSignal): Promise<Note> {
  try {
    if (source.kind === 'postgres') {
      const { postgresInfo } = await import('../../jobs/sources/postgres.ts')
      return { ...(await postgresInfo(source.postgres, signal)) }
    }
    if (source.kind === 'postgres-cluster') {
      const { clusterInfo } = await import('../../jobs/sources/cluster.ts')
      const { now: _, ...facts } = await clusterInfo(source.server, signal)
      return facts
    }
    const { sqliteFacts } = await import('../../jobs/sources/sqlite-stream.ts')
    return await sqliteFacts(source.path)
  } catch (cause) {
    signal.throwIfAborted()
    throw new SnapError('SOURCE_UNREADABLE', `${source.name} cannot be reached: ${messageOf(cause)}`, {
      hint: 'Check what the configuration says of it, and whether it runs.',
      cause,
    })
  }
}

/** `USAGE` where there is no such source, or it is no database. */
function databaseOf({ sources, file }: Config, name: string): DatabaseSource {
  const source = sources.get(name)
  if (source !== undefined && isDatabase(source)) return source
  const known = [...sources.values()].filter(isDatabase).map((each) => each.name)
  throw new SnapError(
    'USAGE',
    source === undefined ? `there is no source "${name}" in ${file}` : `${name} is no database`,
    {
      hint: known.length === 0 ? 'It has no databases.' : `There are ${known.join(', ')}.`,
    },
  )
}

const isDatabase = (source: SourceConfig): source is DatabaseSource =>
  source.kind === 'sqlite' || source.kind === 'postgres' || source.kind === 'postgres-cluster'

async function restoreAction(outer: CommandContext, name: string, options: RestoreOptions): Promise<void> {
  const config = await loadConfiguration(outer)
  const source = databaseOf(config, name)
  if (source.kind === 'postgres-cluster')
    throw new SnapError('USAGE', `${name} is a whole server: it does not come back into one that runs`, {
      hint: `\`snap db recover ${name} --to DIRECTORY\` makes a directory from which a server is started.`,
    })
  const { fileOf } = await import('../../jobs/sources/file-of.ts')
  const path = fileOf(source)
  refuseMixture(source, options)
  const context = await jobContext(outer, jobWith(config, name, options.job).repository)
  await using repository = await openChosen(context)
  const { snapshot, at, host } = options
  const filter = {
    path,
    ...(at === undefined ? {} : { at }),
    ...(host === undefined ? {} : { host }),
    ...(options.job === undefined ? {} : { job: options.job }),
  }
  const choice = chooseSnapshot(context, repository, at === undefined ? snapshot : undefined, filter, {
    passOver: (each) => (options.evenDamaged ? undefined : unreadableIn(each, path)),
  })
  const { dump } = await import('../../ops/dump/dump.ts')
  const request = { root: choice.row.root, path, archive: 'tar' as const }
  const { bytes } = await dump(repository, request, { progress: () => undefined, signal: context.signal })
  const operate = (): ReturnType<typeof restoreInto> => restoreInto(context, source, bytes, options)
  const target = options.to ?? (source.kind === 'sqlite' ? source.path : source.postgres.database)
  const intent = { operation: 'db restore', snapshots: [choice.id], target }
  const into = await noting(context, repository, intent, operate, () => ({ result: 'ok' }))
  const { globals, stdout } = context
  if (globals.json)
    stdout.write(
      jsonLine({ message_type: 'database_restored', source: name, snapshot_id: choice.id, ...into }),
    )
  else if (!globals.quiet) {
    stdout.write(`${name} of snapshot ${choice.id.slice(0, 8)} is in ${safeText(into.target)}\n`)
    if (into.former !== undefined) stdout.write(`what stood there is kept as ${safeText(into.former)}\n`)
  }
}

async function restoreInto(
  context: CommandContext,
  source: RestorableSource,
  bytes: AsyncIterable<Uint8Array>,
  { to, create, clean, owner, evenInUse, evenDamaged }: RestoreOptions,
): Promise<{ readonly target: string; readonly former: string | undefined }> {
  if (source.kind === 'sqlite') {
    const { restoreSqlite } = await import('../../jobs/sources/restore-sqlite.ts')
    const { absolutePath } = await import('../../filesystem/absolute-path.ts')
    const target = to === undefined ? source.path : absolutePath(to)
    const stamp = new Date(context.clock.now()).toISOString().replaceAll(/[:.]/g, '')
    const { facts, former } = await restoreSqlite({ path: target, bytes, stamp, evenInUse, evenDamaged })
    for (const finding of facts.findings) stderrWarning(context, `integrity_check: ${finding}`)
    return { target, former }
  }
  const { restorePostgres } = await import('../../jobs/sources/restore-postgres.ts')
  const config = source.postgres
  const target = to ?? config.database
  const said = (line: string): void => stderrNote(context, `${source.name}: ${line}`)
  const request = {
    config,
    database: target,
    bytes,
    format: config.format,
    create,
    clean,
    withoutOwners: !owner,
  }
  await restorePostgres(request, context.signal, { said })
  return { target, former: undefined }
}

/** Why the snapshot has nothing of it; `undefined` where it has, or nobody can say. */
function unreadableIn({ row }: Choice, path: string): string | undefined {
  const details = unlessDamaged(() => validateDetails(row.details))
  return details?.unreadable.find((each) => each.path === path)?.reason
}

function refuseMixture(
  source: RestorableSource,
  { create, clean, owner, evenInUse, evenDamaged }: RestoreOptions,
): void {
  const { kind } = source
  if (!owner && (kind === 'sqlite' || source.postgres.format === 'plain'))
    throw new SnapError('USAGE', '--no-owner goes with PostgreSQL dumps of the custom format alone', {
      hint: 'Leave it out.',
    })
  if (kind === 'sqlite' && (create || clean))
    throw new SnapError('USAGE', '--create and --clean go with PostgreSQL alone', { hint: 'Leave them out.' })
  if (kind === 'postgres' && source.postgres.format === 'plain' && clean)
    throw new SnapError('USAGE', 'a dump as SQL cannot replace what a database has', {
      hint: 'Restore into another one with --to NAME --create.',
    })
  if (kind === 'postgres' && (evenInUse || evenDamaged))
    throw new SnapError('USAGE', '--even-in-use and --even-damaged go with SQLite alone', {
      hint: 'Leave them out.',
    })
}
