/** What a prune freed, or would free. */
import type { PruneReport } from '../../ops/prune/report.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanDuration, humanPercent, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'

export type PruneSummary = {
  readonly report: PruneReport
  readonly dryRun: boolean
  readonly durationMs: number
}

export function renderPrune({ report, dryRun, durationMs }: PruneSummary): string {
  const { snapshots, packs, indexes, bytes, damaged } = report
  const would = dryRun ? 'would be ' : ''
  const going = packs.dead + packs.repacked + packs.stray + packs.left
  const lines = [
    ...damaged.map(
      ({ pack, error }) => `damaged: pack ${pack}: ${safeText(error.message)}; it stays as it is`,
    ),
    ...(snapshots.length === 0
      ? []
      : [`${plural(snapshots.length, 'forgotten snapshot')} ${would}gone for good`]),
    ...(packs.dead === 0 ? [] : [`${plural(packs.dead, 'pack')} that nothing needs ${would}removed`]),
    ...(packs.repacked === 0
      ? []
      : [`${plural(packs.repacked, 'pack')} ${would}written anew, joined or without what nothing needs`]),
    ...(packs.stray === 0
      ? []
      : [`${plural(packs.stray, 'pack')} that an unfinished backup left ${would}removed`]),
    ...(packs.left === 0
      ? []
      : [`${plural(packs.left, 'pack')} that an interrupted prune had done with ${would}removed`]),
    ...(indexes.removed === 0
      ? []
      : [`${plural(indexes.removed, 'index object')} replaced by ${indexes.added}`]),
    ...(report.wasFull ? ['the disk was full: what needed no copying went first'] : []),
    going === 0
      ? 'nothing to remove'
      : `${freedInWords(bytes, dryRun)}${dryRun ? '' : ` in ${humanDuration(durationMs)}`}`,
    ...sparedLines(report),
    ...awaitedLines(report),
    `${humanBytes(bytes.unused)} (${humanPercent(bytes.unused, bytes.before)}) in the packs that stay is not needed`,
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** What was written anew may take more than what went: padding, and differences that had to be written out. */
export function freedInWords({ before, removed, added }: PruneReport['bytes'], dryRun: boolean): string {
  return removed >= added
    ? `${dryRun ? 'would free' : 'freed'} ${humanBytes(removed - added)} of ${humanBytes(before)}`
    : `${dryRun ? 'would take' : 'took'} ${humanBytes(added - removed)} more than the ${humanBytes(before)} before`
}

/** Why nothing may go although much was forgotten. */
function sparedLines({ spared, sparedUntilMs }: PruneReport): string[] {
  if (sparedUntilMs === undefined) return []
  const what = plural(spared.length, 'forgotten snapshot')
  return [
    `${what} can still be had back, the first until ${formatLocalTime(sparedUntilMs)} (--undelete-window)`,
  ]
}

/** Space that nothing needs, and that this prune leaves all the same. */
function awaitedLines({ awaited }: PruneReport): string[] {
  const { packs, indexes, bytes } = awaited
  const objects = [
    ...(packs === 0 ? [] : [plural(packs, 'pack')]),
    ...(indexes === 0 ? [] : [plural(indexes, 'index object')]),
  ]
  if (objects.length === 0) return []
  return [
    `${humanBytes(bytes)} of unfinished backups (${objects.join(', ')}) stay for a while, so that the next backup can take them over; \`snap prune --stray-age 0\` removes them when no backup runs`,
  ]
}

export function renderPruneJson({ report, dryRun, durationMs }: PruneSummary): string {
  const { snapshots, spared, packs, indexes, awaited, bytes, damaged, wasFull } = report
  return jsonLine({
    message_type: 'summary',
    dry_run: dryRun,
    snapshots,
    snapshots_spared: spared,
    packs_kept: packs.kept,
    packs_dead: packs.dead,
    packs_repacked: packs.repacked,
    packs_stray: packs.stray,
    packs_left: packs.left,
    packs_added: packs.added,
    indexes_removed: indexes.removed,
    indexes_added: indexes.added,
    packs_awaited: awaited.packs,
    indexes_awaited: awaited.indexes,
    bytes_awaited: awaited.bytes,
    bytes_before: bytes.before,
    bytes_removed: bytes.removed,
    bytes_added: bytes.added,
    bytes_unused: bytes.unused,
    damaged_packs: damaged.map(({ pack, error }) => ({ pack, reason: error.message })),
    was_full: wasFull,
    total_duration: durationMs / 1000,
  })
}
