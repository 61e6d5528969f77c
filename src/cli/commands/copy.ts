/** `snap copy`: copies snapshots into another repository. */
import { SnapError } from '../../model/errors.ts'
import type { CopyState, PlannedCopy } from '../../ops/copy/plan-copy.ts'
import { parseMoment } from '../../ops/parse-moment.ts'
import type { Repository } from '../../repository/repository.ts'
import type { ExecutorFactory } from '../../workers/executor.ts'
import { COMPRESSIONS, compressionOf } from '../backup-request.ts'
import { type Choice, chooseFiltered, chooseNamed, type FilterOptions } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { type DestinationOptions, destinationContext, openDestination } from '../destination.ts'
import { repositoryContext } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'
import { renderCopyPlan, renderCopyPlanJson, whyNot } from '../render/copy.ts'
import { openChosen } from '../repository.ts'
import { threadsOf } from '../threads-option.ts'

type Options = FilterOptions &
  DestinationOptions & {
    readonly job?: string
    readonly since?: string
    readonly dryRun: boolean
    readonly compression?: string
    readonly threads?: string
  }

/** What is copied where all that are missing are meant, and what where it is named. */
const MISSING: ReadonlySet<CopyState> = new Set(['missing'])
const NAMED: ReadonlySet<CopyState> = new Set(['missing', 'pruned', 'lacking', 'origin'])

export const copyCommand: CommandModule = {
  register(program, run) {
    program
      .command('copy')
      .description('copy snapshots into another repository')
      .argument('[snapshots...]', 'latest, ids or their beginnings; all that are not there yet')
      .requiredOption('--to <repository>', 'where to: a repository of the configuration, or a path')
      .option('--to-key-file <file>', 'key file that opens it (SNAP_TO_KEY_FILE)')
      .option('--to-password-file <file>', 'file with the password that opens it (SNAP_TO_PASSWORD_FILE)')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .option('--job <name>', 'only snapshots of this job')
      .option('--since <time>', 'only snapshots taken at this time or later')
      .option('-n, --dry-run', 'copy nothing; say what would be copied', false)
      .option('--compression <mode>', `${COMPRESSIONS.join(', ')} (auto)`)
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
The other repository has to be there: \`snap init\` makes it. It has keys of its own; contents are decoded, checked, and stored anew.
A copy keeps what its snapshot says of itself. What is there is not copied again, nor what was forgotten there, unless it is
named. Of a snapshot that follows one that was copied, only what has changed is read. Ended at any moment, it is run again.
Exit status 3: something was damaged, and is marked as unreadable in the copy; or a snapshot could not be copied.

Examples:
  $ snap copy --to /mnt/usb/repository --to-key-file ~/usb.key
  $ snap copy --to offsite --job daily --since '30 days ago'
  $ snap copy latest --to offsite`,
      )
      .action(run<[string[], Options]>(copyAction))
  },
}

async function copyAction(outer: CommandContext, texts: readonly string[], options: Options): Promise<void> {
  refuseMixture(texts, options)
  const threads = threadsOf(options.threads)
  const compression = compressionOf(options.compression ?? 'auto')
  const there = await destinationContext(outer, options)
  const context = await repositoryContext(outer, options)
  await using source = await openChosen(context)
  const destination = await openDestination(there)
  await using repository = destination.repository
  const { planCopies } = await import('../../ops/copy/plan-copy.ts')
  const chosen = choicesOf(context, source, texts, options)
  const planned = (
    await planCopies(
      source,
      repository,
      chosen.map(({ row }) => row),
    )
  ).filter(isOf(options))
  if (options.dryRun) return tellPlan(context, planned)
  const wanted = texts.length > 0 ? NAMED : MISSING
  const { ThreadStarter } = await import('../../workers/thread-starter.ts')
  const { createThreadsExecutor } = await import('../../workers/threads.ts')
  await using starter = new ThreadStarter()
  const executor: ExecutorFactory = (setup, ports) => createThreadsExecutor(threads, setup, ports, starter)
  const { copyAndTell } = await import('../copying.ts')
  const write = { compression, recheck: true, deltas: true, executor }
  await copyAndTell(
    context,
    source,
    destination,
    planned.filter(({ state }) => wanted.has(state)),
    write,
  )
  if (texts.length > 0) refuseForgotten(context, planned)
}

function refuseMixture(texts: readonly string[], { since, job, host, path, tag }: Options): void {
  const isFiltered = [since, job, host, path, tag].some((value) => value !== undefined)
  const isLatest = since === undefined && job === undefined && texts.every((text) => text === 'latest')
  if (texts.length === 0 || !isFiltered || isLatest) return
  throw new SnapError('USAGE', 'snapshots and filters were both given', { hint: 'Give one of them.' })
}

/** Oldest first. */
function choicesOf(
  { clock }: CommandContext,
  source: Repository,
  texts: readonly string[],
  options: Options,
): Choice[] {
  if (texts.length > 0) return chooseNamed(source, texts, options).toSorted((a, b) => a.time - b.time)
  const { since } = options
  const sinceMs = since === undefined ? undefined : parseMoment(since, { now: clock.now(), edge: 'first' })
  return chooseFiltered(source, options).filter(({ time }) => sinceMs === undefined || time >= sinceMs)
}

const isOf =
  ({ job }: Options) =>
  ({ details }: PlannedCopy): boolean =>
    job === undefined || details?.job === job

function tellPlan({ globals, stdout }: CommandContext, planned: readonly PlannedCopy[]): void {
  if (globals.json) stdout.write(renderCopyPlanJson(planned))
  else stdout.write(renderCopyPlan(planned))
}

/** Those that were named and are not live there now. */
function refuseForgotten(context: CommandContext, planned: readonly PlannedCopy[]): void {
  for (const plan of planned.filter(({ state }) => state === 'there')) stderrNote(context, whyNot(plan))
  const refused = planned.filter(({ state }) => state === 'forgotten' || state === 'unopened')
  for (const plan of refused) stderrWarning(context, whyNot(plan))
  if (refused.length === 0) return
  throw new SnapError('INCOMPLETE', `${plural(refused.length, 'snapshot')} not copied`, {
    hint: 'The warnings above say why.',
  })
}
