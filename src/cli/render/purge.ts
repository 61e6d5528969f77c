/** What a purge would take out of which snapshots, and what it has. */
import { type CurrentSnapshot, nameOf } from '../../ops/current-snapshots.ts'
import type { PreparedPurge, PurgeReport } from '../../ops/purge/purge.ts'
import type { Removed } from '../../ops/purge/remaining-trees.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { freedInWords } from './prune.ts'

const right = (title: string) => ({ title, align: 'right' }) as const

/** `shown`: paths that are named at most. */
export function renderPurgePlan(
  { targets, superseded, chunks, ...plan }: PreparedPurge,
  shown: number,
): string {
  const rows = targets.map(({ snapshot, removed }) => [
    nameOf(snapshot),
    formatLocalTime(snapshot.timeMs),
    humanCount(removed.files),
    humanCount(removed.directories),
    humanBytes(removed.bytes),
    marks(snapshot),
  ])
  const columns = [
    { title: 'snapshot' },
    { title: 'time' },
    right('files'),
    right('directories'),
    right('size'),
    { title: '' },
  ]
  return [
    renderPaths(plan, shown),
    targets.length === 0 ? '' : renderTable(columns, rows),
    `${plural(targets.length, 'snapshot')} to be replaced\n`,
    superseded.length === 0
      ? ''
      : `${plural(superseded.length, 'snapshot')} that an interrupted purge has replaced to go\n`,
    chunks === undefined
      ? ''
      : `${plural(chunks.unique, 'chunk')} (${humanBytes(chunks.uniqueBytes)} stored) would go; others need too, and stay: ${humanCount(chunks.shared)}\n`,
  ].join('')
}

/** A directory ends with a slash: all in it goes. */
function renderPaths(
  { paths, hasMorePaths }: Pick<PreparedPurge, 'paths' | 'hasMorePaths'>,
  shown: number,
): string {
  if (paths.length === 0) return ''
  const named = paths
    .slice(0, shown)
    .map(({ path, type }) => `  ${safeText(path)}${type === 'dir' ? '/' : ''}\n`)
  const left = paths.length - named.length
  const count = hasMorePaths ? `more than ${humanCount(paths.length)} paths` : plural(paths.length, 'path')
  const rest = left > 0 ? `  and ${humanCount(left)} more, which -v names\n` : ''
  return `${count} to go, with all below:\n${named.join('')}${rest}`
}

const marks = ({ held, forgotten }: CurrentSnapshot): string =>
  [held ? 'held' : '', forgotten ? 'forgotten' : ''].filter((mark) => mark !== '').join(', ')

export function renderPurgePlanJson({ targets, chunks, paths, hasMorePaths }: PreparedPurge): string {
  return [
    ...paths.map(({ path, type }) => ({ message_type: 'path', ...jsonPath(path), type })),
    ...targets.map(({ snapshot, removed }) => ({
      message_type: 'snapshot',
      id: snapshot.id,
      ...removedJson(removed),
      held: snapshot.held,
      forgotten: snapshot.forgotten,
    })),
    {
      message_type: 'summary',
      dry_run: true,
      snapshots: targets.length,
      paths: paths.length,
      more_paths: hasMorePaths,
      chunks_unique: chunks?.unique ?? null,
      bytes_unique: chunks?.uniqueBytes ?? null,
      chunks_shared: chunks?.shared ?? null,
    },
  ]
    .map(jsonLine)
    .join('')
}

export function renderPurge({ snapshots, chunks, proof, prune }: PurgeReport): string {
  const found =
    proof.left === 0
      ? 'none left'
      : `${humanCount(proof.left)} left, in ${plural(proof.leftIn.length, 'pack')}: ${proof.leftIn.join(' ')}`
  const lines = [
    ...snapshots.map(
      ({ original, copy, files, directories, bytes }) =>
        `${safeText(nameOf(original))}: ${plural(files, 'file')}, ${directories > 0 ? `${plural(directories, 'directory', 'directories')}, ` : ''}${humanBytes(bytes)} taken out; it is ${copy.slice(0, 8)} now`,
    ),
    snapshots.length + chunks.unique === 0
      ? 'the interrupted purge had copied what stays, and its packs are removed; which chunks went with them cannot be told any more'
      : `${plural(chunks.unique, 'chunk')} unique to what was purged: ${found}`,
    ...(chunks.shared > 0 ? [`${plural(chunks.shared, 'chunk')} that others need too: still there`] : []),
    ...(proof.neededAgain > 0
      ? [`${plural(proof.neededAgain, 'chunk')} of it needed again by snapshots made meanwhile`]
      : []),
    ...(proof.unknownPacks > 0
      ? [
          `${plural(proof.unknownPacks, 'pack')} that unfinished backups left were not looked into: \`snap prune --stray-age 0\` removes them`,
        ]
      : []),
    freedInWords(prune.bytes, false),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

export function renderPurgeJson({
  snapshots,
  chunks,
  proof,
  prune,
  madeMeanwhile,
  ...rest
}: PurgeReport): string {
  return [
    ...snapshots.map(({ original, copy, ...removed }) => ({
      message_type: 'purged',
      original: original.id,
      id: copy,
      ...removedJson(removed),
    })),
    {
      message_type: 'summary',
      dry_run: false,
      snapshots: snapshots.length,
      chunks_unique: chunks.unique,
      bytes_unique: chunks.uniqueBytes,
      chunks_shared: chunks.shared,
      chunks_left: proof.left,
      packs_with_chunks_left: proof.leftIn,
      chunks_needed_again: proof.neededAgain,
      packs_unknown: proof.unknownPacks,
      snapshots_made_meanwhile: madeMeanwhile,
      manifest_clean: rest.isManifestClean,
      bytes_before: prune.bytes.before,
      bytes_removed: prune.bytes.removed,
      bytes_added: prune.bytes.added,
    },
  ]
    .map(jsonLine)
    .join('')
}

const removedJson = ({ files, directories, bytes }: Removed) => ({
  files,
  directories,
  total_size: bytes,
})
