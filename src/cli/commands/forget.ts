/** `snap forget`: drops snapshots by a policy or by id, and brings them back. */
import { hasCode, SnapError } from '../../model/errors.ts'
import type { CurrentSnapshot } from '../../ops/current-snapshots.ts'
import type { Freed } from '../../ops/du/freed.ts'
import type { ForgetPlan, ForgetRequest } from '../../ops/forget/plan-forget.ts'
import { filterSnapshots } from '../../ops/select-moment.ts'
import type { Repository } from '../../repository/repository.ts'
import {
  chooseNamed,
  chooseSome,
  type FilterOptions,
  filterOf,
  summaries,
  whyNone,
} from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { listedSnapshot } from '../listed-snapshot.ts'
import { plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { safeText } from '../output/safe-text.ts'
import type { CommandModule } from '../program.ts'
import { addPruneOptions, type PruneOptions, pruneRequestOf } from '../prune-options.ts'
import {
  isFreedAtOnce,
  type ListedGroup,
  renderForget,
  renderForgetJson,
  renderForgotten,
} from '../render/forget.ts'
import { openChosen } from '../repository.ts'
import {
  addRetentionOptions,
  hasRetentionOptions,
  policyOf,
  type RetentionOptions,
} from '../retention-options.ts'

type Options = RetentionOptions &
  FilterOptions &
  PruneOptions & {
    readonly groupBy?: string
    readonly evenLast: boolean
    readonly evenNeeded: boolean
    readonly undo: boolean
    readonly dryRun: boolean
    readonly prune: boolean
  }

/** What is done when snapshots were forgotten and that was printed, with the repository still open. */
type Afterwards = (context: CommandContext, repository: Repository) => Promise<void>

export const forgetCommand: CommandModule = {
  register(program, run) {
    const command = program
      .command('forget')
      .description('forget snapshots that a policy does not keep, or by id; undo that')
      .argument('[snapshots...]', 'latest, ids or their beginnings; instead of a policy')
    addPruneOptions(addRetentionOptions(command))
      .option('-g, --group-by <keys>', 'apply the policy to each series, host, paths, tags or label (series)')
      .option('--host <name>', 'only snapshots of this host')
      .option('--path <path>', 'only snapshots of this source path')
      .option('--tag <tag>', 'only snapshots with this tag')
      .option('--even-last', 'with ids: also the last complete snapshot of a series', false)
      .option('--even-needed', 'with ids: also archived WAL that a base backup needs', false)
      .option('--undo', 'bring the named snapshots back, or those that were last forgotten', false)
      .option('-n, --dry-run', 'forget nothing; say what would be forgotten', false)
      .option('--prune', 'then free what no snapshot needs, as `snap prune` does', false)
      .addHelpText(
        'after',
        `
A snapshot stays where any rule keeps it. What is held and the newest complete snapshot of each series stay whatever
the rules say. Archived WAL is not ruled: it goes with the last base backup that needs it. Forgotten snapshots can be had back until \`snap prune\` frees their space.
Exit status 3: a series was left alone, since the details of its newest snapshot cannot be opened.

Examples:
  $ snap forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run
  $ snap forget --keep-label incremental=14d --keep-label full=30d
  $ snap forget 1a2b3c4d
  $ snap forget --undo`,
      )
      .action(run<[string[], Options]>(inRepository(forgetAction)))
  },
}

async function forgetAction(
  context: CommandContext,
  texts: readonly string[],
  options: Options,
): Promise<void> {
  const prunes = pruning(context, options)
  const afterwards = options.prune ? prunes : undefined
  const byPolicy = hasRetentionOptions(options)
  refuseMixture(texts, options, byPolicy)
  if (options.undo) return undoAction(context, texts)
  if (byPolicy) return policyAction(context, await requestOf(options), options, afterwards)
  return idsAction(context, texts, options, afterwards)
}

/** The options are looked at before anything is forgotten, also where no prune follows: what is printed names one. */
function pruning({ clock }: CommandContext, options: Options): Afterwards {
  const request = pruneRequestOf(options, clock.now(), false)
  return async (context, repository) => {
    const { pruneAndTell } = await import('./prune.ts')
    await pruneAndTell(context, repository, request)
  }
}

function refuseMixture(texts: readonly string[], options: Options, byPolicy: boolean): void {
  const { undo, evenLast, evenNeeded, dryRun, prune, groupBy, host, path, tag, timezone } = options
  const refuse = (message: string, hint: string): never => {
    throw new SnapError('USAGE', message, { hint })
  }
  if ([host, path, tag].includes('')) refuse('--host, --path or --tag is empty', 'Is a variable not set?')
  if (undo) {
    const others = [groupBy, host, path, tag, timezone].some((value) => value !== undefined)
    if (byPolicy || evenLast || evenNeeded || dryRun || prune || others) {
      refuse(
        '--undo takes snapshots alone',
        'Give the ids of snapshots, or nothing for what was last forgotten.',
      )
    }
    return
  }
  if (byPolicy && texts.length > 0) {
    refuse('snapshots and a policy were both given', 'Give ids, or rules as --keep-daily.')
  }
  if (!byPolicy && texts.length === 0) {
    refuse('neither snapshots nor a policy were given', 'Give ids, or rules as --keep-daily 7.')
  }
  if (byPolicy && evenLast) refuse('--even-last goes with ids alone', 'A policy always keeps the last one.')
  if (byPolicy && evenNeeded)
    refuse('--even-needed goes with ids alone', 'A policy leaves no gap in archived WAL.')
  if (!byPolicy && (groupBy !== undefined || timezone !== undefined)) {
    refuse('--group-by and --timezone go with a policy alone', 'Leave them out.')
  }
}

async function requestOf(options: Options): Promise<ForgetRequest> {
  const { parseGroupBy } = await import('../../ops/forget/groups.ts')
  const filter = filterOf(options)
  return {
    policy: policyOf(options),
    groupBy: options.groupBy === undefined ? ['series'] : parseGroupBy(options.groupBy),
    concerns: (snapshot) =>
      !isFiltered(options) ||
      (snapshot.isReadable && filterSnapshots([summaryOf(snapshot)], filter).length > 0),
  }
}

function isFiltered({ host, path, tag }: FilterOptions): boolean {
  return [host, path, tag].some((value) => value !== undefined)
}

function summaryOf({ id, series, number, timeMs, host, paths, label, tags }: CurrentSnapshot) {
  return { id, series, number, time: timeMs, hostname: host, paths, label: label ?? undefined, tags }
}

async function policyAction(
  context: CommandContext,
  request: ForgetRequest,
  options: Options,
  afterwards: Afterwards | undefined,
): Promise<void> {
  await using repository = await openChosen(context)
  await forgetAndTell(context, repository, request, options, afterwards)
}

/** Forgets what the policy does not keep, and prints what. `afterwards` happens before it is told that a series was left alone. */
export async function forgetAndTell(
  context: CommandContext,
  repository: Repository,
  request: ForgetRequest,
  options: FilterOptions & Pick<Options, 'dryRun' | 'undeleteWindow' | 'prune'>,
  afterwards?: Afterwards,
): Promise<void> {
  const { forgetByPolicy } = await import('../../ops/forget/forget.ts')
  const { removedBy } = await import('../../ops/forget/plan-forget.ts')
  const { nameOf } = await import('../../ops/current-snapshots.ts')
  const { dryRun, undeleteWindow, prune } = options
  const plan = await forgetByPolicy(repository, request, { dryRun })
  if (!dryRun) context.journal?.note('forgot', { snapshots: removedBy(plan).length })
  const concernsNone = plan.groups.length === 0 && plan.leftAlone.length === 0
  if (concernsNone && isFiltered(options)) chooseSome(repository, options)
  warnOfUnused(context, plan, request)
  const { globals, stdout } = context
  const groups = listedGroups(repository, plan)
  const wal = listedWal(repository, plan)
  const isTold = globals.json || (!globals.quiet && (dryRun || !isFreedAtOnce({ undeleteWindow, prune })))
  const freed = isTold ? await freedBy(context, repository, plan) : undefined
  if (concernsNone) stderrNote(context, whyNone(repository))
  if (globals.json) stdout.write(renderForgetJson([...groups, ...wal], freed))
  else if (!globals.quiet)
    stdout.write(
      renderForget(groups, {
        wal,
        dryRun,
        timeZone: request.policy.timeZone,
        freed,
        spared: { undeleteWindow, prune },
      }),
    )
  for (const newest of plan.leftAlone) {
    stderrWarning(context, `series ${newest.series} was left alone: its newest snapshot is ${nameOf(newest)}`)
  }
  if (!dryRun) await afterwards?.(context, repository)
  if (plan.leftAlone.length > 0) {
    throw new SnapError('INCOMPLETE', `${plural(plan.leftAlone.length, 'series', 'series')} left alone`, {
      hint: 'Find out who made those snapshots; one that is forgotten by its id is no longer in the way.',
    })
  }
}

/** A rule that no snapshot fits keeps nothing: it may be misspelt. */
function warnOfUnused(context: CommandContext, { groups }: ForgetPlan, { policy }: ForgetRequest): void {
  const snapshots = groups.flatMap(({ verdicts }) => verdicts.map(({ snapshot }) => snapshot))
  if (snapshots.length === 0) return
  for (const label of policy.labelDays?.keys() ?? []) {
    if (snapshots.every((snapshot) => snapshot.label !== label))
      stderrWarning(context, `--keep-label keeps nothing: no snapshot has the label ${label}`)
  }
  for (const tags of policy.tags ?? []) {
    if (tags.length > 0 && !snapshots.some((snapshot) => tags.every((tag) => snapshot.tags.includes(tag))))
      stderrWarning(context, `--keep-tag keeps nothing: no snapshot has the tags ${tags.join(',')}`)
  }
}

async function freedBy(
  { signal }: CommandContext,
  repository: Repository,
  { groups, wal }: ForgetPlan,
): Promise<Freed | undefined> {
  const { bytesFreed } = await import('../../ops/du/freed.ts')
  const removed = [...groups.map(({ verdicts }) => verdicts), wal].map(
    (verdicts) => new Set(verdicts.filter(({ kept }) => !kept).map(({ snapshot }) => snapshot.id)),
  )
  return bytesFreed(repository, removed, signal)
}

/** One group, where there is any. */
function listedWal(repository: Repository, { wal }: ForgetPlan): ListedGroup[] {
  if (wal.length === 0) return []
  const all = { host: undefined, paths: undefined, tags: undefined, label: undefined }
  return listed(repository, [{ ...all, snapshots: [], verdicts: wal }])
}

const listedGroups = (repository: Repository, { groups }: ForgetPlan): ListedGroup[] =>
  listed(repository, groups)

function listed(repository: Repository, groups: ForgetPlan['groups']): ListedGroup[] {
  const rows = new Map(summaries(repository, 'both').map(({ id, row }) => [id, row]))
  return groups.map(({ verdicts, ...group }) => ({
    ...group,
    verdicts: verdicts.flatMap(({ snapshot, kept, reasons, counters }) => {
      const row = rows.get(snapshot.id)
      if (row === undefined) return []
      return [{ snapshot: listedSnapshot(repository, row), kept, reasons, counters }]
    }),
  }))
}

async function idsAction(
  context: CommandContext,
  texts: readonly string[],
  options: Options,
  afterwards: Afterwards | undefined,
): Promise<void> {
  const { forgetByIds } = await import('../../ops/forget/forget.ts')
  const { nameOf } = await import('../../ops/current-snapshots.ts')
  await using repository = await openChosen(context)
  const ids = chooseNamed(repository, texts, options).map(({ id }) => id)
  const { evenLast, evenNeeded, dryRun, undeleteWindow, prune } = options
  const forgotten = await forgetByIds(repository, ids, { evenLast, evenNeeded, dryRun })
  const { globals, stdout } = context
  if (globals.json) {
    const done = { message_type: 'forgotten', snapshots: forgotten.map(({ id }) => id) }
    stdout.write(jsonLine(dryRun ? { ...done, dry_run: true } : done))
  } else if (!globals.quiet)
    stdout.write(renderForgotten(forgotten.map(nameOf), dryRun, { undeleteWindow, prune }))
  if (forgotten.length < ids.length) {
    stderrNote(context, `${plural(ids.length - forgotten.length, 'snapshot')} forgotten already`)
  }
  if (!dryRun) await afterwards?.(context, repository)
}

async function undoAction(context: CommandContext, texts: readonly string[]): Promise<void> {
  const { undoForget, undoLastForget } = await import('../../ops/forget/undo.ts')
  const { nameOf } = await import('../../ops/current-snapshots.ts')
  await using repository = await openChosen(context)
  const { back, pruned } =
    texts.length === 0
      ? await undoLastForget(repository)
      : { back: await undoForget(repository, await idsToBringBack(repository, texts)), pruned: [] }
  const { globals, stdout } = context
  if (globals.json) {
    stdout.write(jsonLine({ message_type: 'unforgotten', snapshots: back.map(({ id }) => id), pruned }))
  } else if (!globals.quiet) {
    stdout.write(back.map((snapshot) => `brought back ${safeText(nameOf(snapshot))}\n`).join(''))
  }
  if (back.length === 0)
    stderrNote(
      context,
      'nothing to bring back: none of them is forgotten; `snap snapshots --forgotten` lists what still can be had back',
    )
  if (pruned.length > 0) {
    throw new SnapError(
      'INCOMPLETE',
      `${plural(pruned.length, 'snapshot')} of what was last forgotten pruned`,
      {
        hint: 'Everything else is back. What `snap prune` has freed cannot be had back.',
      },
    )
  }
}

/** `latest` would be one that is live. */
async function idsToBringBack(
  repository: Repository,
  texts: readonly string[],
): Promise<CurrentSnapshot['id'][]> {
  if (texts.includes('latest')) {
    throw new SnapError('USAGE', 'latest is no forgotten snapshot', {
      hint: 'Give ids; `snap snapshots --forgotten` lists them.',
    })
  }
  const ids: CurrentSnapshot['id'][] = []
  for (const text of texts) {
    try {
      ids.push(...chooseNamed(repository, [text], {}).map(({ id }) => id))
    } catch (error) {
      throw (hasCode(error, 'SNAPSHOT_UNKNOWN') && (await prunedOne(repository, text))) || error
    }
  }
  return ids
}

/** Why one that was forgotten is not found. A short beginning may be that of any. */
async function prunedOne(repository: Repository, text: string): Promise<SnapError | undefined> {
  if (!/^[0-9a-f]{4,}$/i.test(text)) return undefined
  const { prunedSnapshot } = await import('../../ops/forget/undo.ts')
  const pruned = await prunedSnapshot(repository, text.toLowerCase())
  if (pruned === undefined) return undefined
  return new SnapError('SNAPSHOT_UNKNOWN', `snapshot ${pruned} was pruned: it cannot be had back`, {
    hint: '`snap snapshots --forgotten` lists what can.',
  })
}
