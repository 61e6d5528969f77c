/** `snap db recover`: a directory from which a PostgreSQL server comes back as it was at a moment. */
import type { Command } from 'commander'
import { rfc3339OfMs } from '../../base/timestamp.ts'
import { SnapError } from '../../model/errors.ts'
import type { ArchivedBase, Histories, WalArchive } from '../../ops/wal/archive.ts'
import type { RecoveryPlan } from '../../ops/wal/plan-recovery.ts'
import type { Repository } from '../../repository/repository.ts'
import { concealed } from '../concealed-context.ts'
import type { CommandContext } from '../context.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrNote } from '../output/notes.ts'
import { safeText } from '../output/safe-text.ts'
import type { Run } from '../program.ts'
import { openChosen } from '../repository.ts'
import { type WalSource, walSourceOf } from '../wal-source.ts'

type Options = {
  readonly to?: string
  readonly at?: string
  readonly job?: string
  readonly system?: string
  readonly timeline?: string
  readonly archiving: boolean
}

export function registerRecover(db: Command, run: Run): void {
  db.command('recover')
    .description('make a directory from which a PostgreSQL server comes back as it was at a moment')
    .argument('<cluster>', 'a source of the configuration that is a postgres-cluster')
    .requiredOption('--to <directory>', 'where; empty, or not there yet')
    .option('--at <time>', 'as it was then: "2025-11-19T02:00", "2 hours ago" (as far as the WAL goes)')
    .option('--job <name>', 'of this job, where several save the source in different repositories')
    .option('--system <identifier>', 'of this cluster, where several were saved as the source')
    .option('--timeline <number>', 'along this timeline, where several go on')
    .option('--archiving', 'leave archive_mode as it was: the server takes the place of the old one', false)
    .addHelpText(
      'after',
      `
Run it as the user that the server runs as, who must be able to read the configuration and the key, too. Every commit up to and at
the time is there. The server does not archive, so that a copy does not get in the way of its original; see --archiving.

Examples:
  $ snap db recover cluster --at "2025-11-19 14:32:05" --to /srv/recovered
  $ snap db recover cluster --to /var/lib/postgresql/15/main --archiving`,
    )
    .action(run<[string, Options]>(concealed(recoverAction)))
}

async function recoverAction(outer: CommandContext, name: string, options: Options): Promise<void> {
  refuseRoot()
  const wal = await walSourceOf(outer, name, options.job)
  const { context, source } = wal
  const { unicodePath } = await import('../../filesystem/absolute-path.ts')
  const { parseMoment } = await import('../../ops/parse-moment.ts')
  const { archivesOf, historiesOf } = await import('../../ops/wal/archive.ts')
  const { planRecovery } = await import('../../ops/wal/plan-recovery.ts')
  const directory = unicodePath(options.to ?? '', 'the directory')
  const atMs = options.at === undefined ? undefined : parseMoment(options.at, { now: context.clock.now() })
  await using repository = await openChosen(context)
  const archive = chooseArchive(archivesOf(repository, name), name, options.system)
  const histories: Histories = await historiesOf(repository, archive, context.signal)
  const plan = planRecovery(archive, histories, { atMs, timeline: timelineOf(options.timeline) })
  const { recoverCluster } = await import('../../jobs/sources/recover-cluster.ts')
  const { base, timeline } = plan
  const settings = {
    program: [process.execPath, process.argv[1] ?? ''],
    options: fetchOptions(wal, options, archive),
    source: name,
    atMs,
    timeline: timeline === base.timeline ? undefined : timeline,
    archive: options.archiving,
  }
  const bytes = await bytesOf(repository, base, name, context.signal)
  const said = (line: string): void => stderrNote(context, `${name}: ${safeText(line)}`)
  const request = { directory, bytes, programs: source.server.programs, settings }
  const recovered = await recoverCluster(request, context.signal, { said })
  tell(context, name, { ...recovered, directory, plan, atMs, archiving: options.archiving })
}

/** Its files would be root's, and the server refuses to run as root. */
function refuseRoot(): void {
  if (process.getuid?.() !== 0) return
  throw new SnapError(
    'USAGE',
    'a PostgreSQL server does not run as root, and could not read what root writes',
    {
      hint: 'Run it as the user of the server: `sudo -u postgres snap db recover ...`.',
    },
  )
}

/** `USAGE` where it must be chosen. */
function chooseArchive(
  archives: readonly WalArchive[],
  name: string,
  system: string | undefined,
): WalArchive {
  const withBases = archives.filter(({ bases }) => bases.length > 0)
  const candidates = system === undefined ? withBases : archives.filter((each) => each.system === system)
  const [first] = candidates
  if (first === undefined)
    throw new SnapError('SNAPSHOT_UNKNOWN', `there is no base backup of ${name}`, {
      hint: 'Make one with `snap backup --job`: WAL alone brings nothing back.',
    })
  if (candidates.length === 1) return first
  throw new SnapError('USAGE', `${candidates.length} clusters were saved as ${name}`, {
    hint: `Choose one with --system: ${candidates.map((each) => each.system).join(', ')}. \`snap wal list\` shows them.`,
  })
}

function timelineOf(text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,9}$/.test(text)) return text === undefined ? undefined : Number(text)
  throw new SnapError('USAGE', `"${text}" is not the number of a timeline`)
}

/** What `snap wal fetch` needs to find the same archive. */
function fetchOptions({ config, context }: WalSource, { job }: Options, { system }: WalArchive): string[] {
  const { cacheDirectory } = context.globals
  return [
    ...['--config', config.file, '--system', system],
    ...(job === undefined ? [] : ['--job', job]),
    ...(cacheDirectory === undefined ? [] : ['--cache-dir', cacheDirectory]),
  ]
}

async function bytesOf(
  repository: Repository,
  { snapshot }: ArchivedBase,
  source: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const { dump } = await import('../../ops/dump/dump.ts')
  const { walPath } = await import('../../ops/wal/find-archived.ts')
  const { BASE_NAME } = await import('../../jobs/sources/cluster-stream.ts')
  const request = { root: snapshot.root, path: walPath(source, BASE_NAME), archive: 'tar' as const }
  return (await dump(repository, request, { progress: () => undefined, signal })).bytes
}

type Told = {
  readonly directory: string
  readonly plan: RecoveryPlan<ArchivedBase>
  readonly atMs: number | undefined
  readonly start: string
  readonly hasSettings: boolean
  readonly archiving: boolean
}

function tell({ globals, stdout }: CommandContext, source: string, told: Told): void {
  const { directory, plan, atMs, start, hasSettings, archiving } = told
  const { base, timeline, files, reachesMs } = plan
  if (globals.json) {
    const moment = { at: atMs === undefined ? null : rfc3339OfMs(atMs), reaches: rfc3339OfMs(reachesMs) }
    stdout.write(
      jsonLine({
        message_type: 'cluster_recovered',
        ...{ source, snapshot_id: base.snapshot.id, target: directory, timeline, ...moment },
        ...{ segments: files.length, start, has_settings: hasSettings, archiving },
      }),
    )
    return
  }
  if (globals.quiet) return
  const lines = [
    `${source} is in ${safeText(directory)}: base backup ${base.snapshot.id.slice(0, 8)}, then ${plural(files.length, 'segment')} of WAL when the server starts`,
    ...(hasSettings
      ? []
      : ['postgresql.conf was not in the data directory: bring the settings from where they lie']),
    ...(archiving
      ? []
      : [
          'it does not archive: ALTER SYSTEM RESET archive_mode, and a restart, if it takes the place of the old one',
        ]),
    `start it: ${safeText(start)}`,
  ]
  stdout.write(lines.map((line) => `${line}\n`).join(''))
}
