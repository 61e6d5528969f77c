/** Which snapshots a command is about: from its arguments, with a note on what was chosen. */
import { isAbsolute } from 'node:path'
import { sourcePath } from '../filesystem/absolute-path.ts'
import { validateDetails } from '../log/details.ts'
import type { SnapshotRow } from '../manifest/snapshots-table.ts'
import { hasCode, SnapError, unlessDamaged } from '../model/errors.ts'
import { parseMoment } from '../ops/parse-moment.ts'
import {
  describeSnapshot,
  filterSnapshots,
  noneMatches,
  parseSelector,
  type SnapshotFilter,
  type SnapshotSummary,
  selectSnapshot,
} from '../ops/select-moment.ts'
import { isWal } from '../ops/wal/facts.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './context.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'

/** Options of every command that narrows down which snapshots it is about. */
export type FilterOptions = {
  readonly host?: string
  readonly path?: string
  readonly tag?: string
  readonly job?: string
}

/** Options of every command that looks at one snapshot. */
export type SnapshotOptions = FilterOptions & { readonly at?: string }

export type Choice = SnapshotSummary & {
  readonly row: SnapshotRow
  /** Archived WAL: never what `latest` or a moment means, for it is no state of anything. */
  readonly isWal: boolean
}

/** Oldest first. */
export function summaries(repository: Repository, forgotten: 'no' | 'only' | 'both' = 'no'): Choice[] {
  return repository.manifest.snapshots.list({ forgotten }).map((row) => summaryOf(row))
}

function summaryOf(row: SnapshotRow): Choice {
  const details = unlessDamaged(() => validateDetails(row.details))
  return {
    id: row.id,
    series: row.series,
    number: row.number,
    time: row.timeMs,
    hostname: row.host ?? '',
    paths: row.paths,
    label: row.label ?? undefined,
    tags: row.tags,
    job: details?.job,
    row,
    isWal: isWal(details?.sources),
  }
}

/** A source path that is not absolute is about this machine, and becomes what a backup here calls it. */
export function filterOf(options: FilterOptions): SnapshotFilter {
  return {
    host: options.host,
    ...(options.path === undefined
      ? {}
      : { paths: [isAbsolute(options.path) ? options.path : sourcePath(options.path)] }),
    ...(options.tag === undefined ? {} : { tags: [options.tag] }),
    ...(options.job === undefined ? {} : { job: options.job }),
  }
}

export type ChoiceRules = {
  /** Why one is of no use, where none is named: an older one is taken then. */
  readonly passOver?: (choice: Choice) => string | undefined
}

/** `text`: `latest`, an id or its beginning; `undefined` is `latest`. */
export function chooseSnapshot(
  context: CommandContext,
  repository: Repository,
  text: string | undefined,
  options: SnapshotOptions,
  { passOver = () => undefined }: ChoiceRules = {},
): Choice {
  const filter = filterOf(options)
  if (options.at !== undefined && text !== undefined && text !== 'latest') {
    throw new SnapError('USAGE', 'a snapshot and --at were both given', { hint: 'Give one of them.' })
  }
  const selector =
    options.at === undefined
      ? parseSelector(text ?? 'latest')
      : ({ kind: 'at', time: parseMoment(options.at, { now: context.clock.now() }) } as const)
  try {
    const all = summaries(repository)
    const isNamed = selector.kind === 'id' || options.path !== undefined
    let among = isNamed ? all : all.filter((each) => !each.isWal)
    let choice = selectSnapshot(among, selector, filter)
    for (let why = passOver(choice); why !== undefined && selector.kind !== 'id'; why = passOver(choice)) {
      const { id } = choice
      among = among.filter((each) => each.id !== id)
      const other = unlessUnknown(() => selectSnapshot(among, selector, filter))
      if (other === undefined) break
      stderrWarning(context, `${describeSnapshot(choice)} is passed over: ${why}`)
      choice = other
    }
    if (selector.kind !== 'id') stderrNote(context, `snapshot ${describeSnapshot(choice)}`)
    return choice
  } catch (error) {
    if (!hasCode(error, 'SNAPSHOT_UNKNOWN') || selector.kind !== 'id') throw error
    throw forgottenOne(repository, selector.prefix) ?? error
  }
}

function unlessUnknown<T>(act: () => T): T | undefined {
  try {
    return act()
  } catch (error) {
    if (hasCode(error, 'SNAPSHOT_UNKNOWN')) return undefined
    throw error
  }
}

/** Why an id that is there is not found. */
function forgottenOne(repository: Repository, prefix: string): SnapError | undefined {
  const found = summaries(repository, 'only').find(({ id }) => prefix !== '' && id.startsWith(prefix))
  if (found === undefined) return undefined
  return new SnapError('SNAPSHOT_UNKNOWN', `snapshot ${describeSnapshot(found)} is forgotten`, {
    hint: `Bring it back first with \`snap forget --undo ${found.id.slice(0, 8)}\`.`,
  })
}

/**
 * Those that `texts` name, each once: ids or their beginnings, of forgotten ones too, and `latest` of those that are live
 * and pass the filters. `SNAPSHOT_UNKNOWN` and `SNAPSHOT_AMBIGUOUS` as for one.
 */
export function chooseNamed(
  repository: Repository,
  texts: readonly string[],
  options: FilterOptions,
): Choice[] {
  const live = summaries(repository)
  const all = summaries(repository, 'both')
  const filter = filterOf(options)
  const chosen = texts.map((text) => {
    const selector = parseSelector(text)
    const chosenOf = selector.kind === 'id' ? all : live.filter((each) => !each.isWal)
    return selectSnapshot(chosenOf, selector, filter)
  })
  return [...new Map(chosen.map((choice) => [choice.id, choice])).values()]
}

/** Live ones that pass the filters, oldest first. */
export function chooseFiltered(repository: Repository, options: FilterOptions): Choice[] {
  return filterSnapshots(summaries(repository), filterOf(options))
}

/** As `chooseFiltered`, for what changes them: `SNAPSHOT_UNKNOWN` where there is none, since the filter may be misspelt. */
export function chooseSome(repository: Repository, options: FilterOptions): Choice[] {
  const chosen = chooseFiltered(repository, options)
  if (chosen.length === 0) throw noneMatches(summaries(repository), filterOf(options))
  return chosen
}

/** Why no snapshot was chosen, where none was. */
export function whyNone(repository: Repository): string {
  return summaries(repository).length === 0
    ? 'the repository has no snapshots'
    : 'no snapshot passes the filters'
}

/** `SNAPSHOT[:SUBDIR]` */
export function splitSnapshot(text: string | undefined): {
  snapshot: string | undefined
  subdirectory: string | undefined
} {
  const colon = text?.indexOf(':') ?? -1
  if (text === undefined || colon === -1) return { snapshot: text, subdirectory: undefined }
  return { snapshot: text.slice(0, colon), subdirectory: text.slice(colon + 1) }
}
