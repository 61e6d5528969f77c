/** What a copy did: a line for each snapshot and some at the end for people, lines of our own for programs. */
import type { CopySummary } from '../../ops/copy/copy-counter.ts'
import type { CopiedSnapshot } from '../../ops/copy/copy-snapshot.ts'
import type { CopyState, PlannedCopy } from '../../ops/copy/plan-copy.ts'
import { humanBytes, humanDuration, humanPercent, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { shortId } from './snapshots.ts'

export type CopyTotals = CopySummary & {
  readonly copied: number
  readonly failed: number
  readonly durationMs: number
}

export function renderCopied(original: string, { copy, summary }: CopiedSnapshot): string {
  if (copy === undefined)
    return `snapshot ${shortId(original)}: ${summary.damaged === 0 ? 'there already' : 'no more of it can be read than its copy has'}\n`
  const lacks =
    summary.damaged === 0 ? '' : `, without ${plural(summary.damaged, 'path')} that could not be read`
  return `snapshot ${shortId(original)} copied as ${shortId(copy)}: ${humanBytes(summary.bytesRead)} read, ${humanBytes(summary.bytesStored)} stored${lacks}\n`
}

export function renderCopiedJson(original: string, { copy, summary }: CopiedSnapshot): string {
  return jsonLine({
    message_type: 'copied',
    source_snapshot_id: original,
    snapshot_id: copy ?? null,
    ...numbersOf(summary),
  })
}

export function renderCopySummary(totals: CopyTotals): string {
  const { copied, failed, damaged, durationMs, bytesAdded, bytesStored, bytesRead } = totals
  if (copied + failed + damaged === 0) return 'nothing to copy: all snapshots are there\n'
  return [
    ...(bytesRead === 0 ? [] : [`read:    ${plural(totals.filesRead, 'file')}, ${humanBytes(bytesRead)}`]),
    `added:   ${humanBytes(bytesAdded)}, stored as ${humanBytes(bytesStored)} (${humanPercent(bytesStored, bytesAdded)})`,
    ...(damaged === 0 ? [] : [`damaged: ${plural(damaged, 'path')}`]),
    ...(failed === 0 ? [] : [`failed:  ${plural(failed, 'snapshot')}`]),
    `${plural(copied, 'snapshot')} copied in ${humanDuration(durationMs)}`,
  ]
    .map((line) => `${line}\n`)
    .join('')
}

/** Duration in seconds. */
export function renderCopySummaryJson(totals: CopyTotals): string {
  return jsonLine({
    message_type: 'summary',
    snapshots_copied: totals.copied,
    snapshots_failed: totals.failed,
    ...numbersOf(totals),
    total_duration: totals.durationMs / 1000,
  })
}

function numbersOf(summary: CopySummary): Record<string, number> {
  return {
    files_read: summary.filesRead,
    bytes_read: summary.bytesRead,
    files_taken_over: summary.filesTakenOver,
    dirs_taken_over: summary.directoriesTakenOver,
    data_added: summary.bytesAdded,
    data_added_packed: summary.bytesStored,
    damaged: summary.damaged,
  }
}

const STATES: Readonly<Record<CopyState, string>> = {
  missing: 'would be copied',
  there: 'is there',
  lacking: 'is there, without what could not be read',
  forgotten: 'was forgotten there',
  pruned: 'was forgotten and pruned there',
  origin: 'came from there',
  unopened: 'does not say whose it is',
}

export function renderCopyPlan(snapshots: readonly PlannedCopy[]): string {
  const lines = snapshots.map(({ row, state }) => `snapshot ${shortId(row.id)} ${STATES[state]}\n`)
  return `${lines.join('')}dry run: nothing was copied\n`
}

export function renderCopyPlanJson(snapshots: readonly PlannedCopy[]): string {
  const listed = snapshots.map(({ row, ids, state }) => ({
    source_snapshot_id: row.id,
    snapshot_id: ids.whole,
    state,
  }))
  return jsonLine({ message_type: 'copy_plan', dry_run: true, snapshots: listed })
}

/** Why one that was named is not copied. */
export function whyNot({ row, ids, state }: PlannedCopy): string {
  const hint =
    state === 'forgotten' ? `: \`snap forget --undo ${shortId(ids.whole)}\` there brings it back` : ''
  return `snapshot ${shortId(row.id)} ${STATES[state]}${hint}`
}
