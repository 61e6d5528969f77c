/** Which snapshot a command is about: from its arguments, with a note on what was chosen. */
import type { SnapshotRow } from '../manifest/snapshots-table.ts'
import { SnapError } from '../model/errors.ts'
import { parseMoment } from '../ops/parse-moment.ts'
import {
  describeSnapshot,
  parseSelector,
  type SnapshotSummary,
  selectSnapshot,
} from '../ops/select-moment.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './context.ts'
import { stderrNote } from './output/notes.ts'

/** Options of every command that looks at one snapshot. */
export type SnapshotOptions = {
  readonly at?: string
  readonly host?: string
  readonly path?: string
  readonly tag?: string
}

export type Choice = SnapshotSummary & { readonly row: SnapshotRow }

export function summaries(repository: Repository): Choice[] {
  return repository.manifest.snapshots.list().map((row) => ({
    id: row.id,
    series: row.series,
    number: row.number,
    time: row.timeMs,
    hostname: row.host ?? '',
    paths: row.paths,
    label: row.label ?? undefined,
    tags: row.tags,
    row,
  }))
}

/** `text`: `latest`, an id or its beginning; `undefined` is `latest`. `covering`: a source path that the snapshot must have. */
export function chooseSnapshot(
  context: CommandContext,
  repository: Repository,
  text: string | undefined,
  options: SnapshotOptions,
  covering?: string,
): Choice {
  const filter = {
    host: options.host,
    ...(options.path === undefined ? {} : { paths: [options.path] }),
    ...(options.tag === undefined ? {} : { tags: [options.tag] }),
    covering,
  }
  if (options.at !== undefined && text !== undefined && text !== 'latest') {
    throw new SnapError('USAGE', 'a snapshot and --at were both given', { hint: 'Give one of them.' })
  }
  const selector =
    options.at === undefined
      ? parseSelector(text ?? 'latest')
      : ({ kind: 'at', time: parseMoment(options.at, { now: context.clock.now() }) } as const)
  const choice = selectSnapshot(summaries(repository), selector, filter)
  if (selector.kind !== 'id') stderrNote(context, `snapshot ${describeSnapshot(choice)}`)
  return choice
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
