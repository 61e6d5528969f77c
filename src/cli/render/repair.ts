/** What a repair found, what it added, and what is left to do. */
import { humanDuration, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { jsonPath, safeText } from '../output/safe-text.ts'
import {
  type Affected,
  affectedInWords,
  affectedLines,
  type DamagedObject,
  type HealedSnapshot,
  healedJson,
  renderHealed,
} from './verify-report.ts'

export type RepairSummary = {
  readonly dryRun: boolean
  readonly data: boolean
  readonly lostIndexes: readonly DamagedObject[]
  /** Packs that index objects made anew name. */
  readonly packsNamed: number
  readonly indexesWritten: number
  /** Packs that no backup relies on from now on. */
  readonly quarantined: readonly DamagedObject[]
  /** What is damaged and cannot be mended here. */
  readonly damaged: readonly DamagedObject[]
  readonly healed: readonly HealedSnapshot[]
  readonly notes: readonly string[]
  readonly durationMs: number
} & Affected

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderRepair(summary: RepairSummary, timeZone?: string): string {
  const { dryRun, data, lostIndexes, packsNamed, quarantined, damaged } = summary
  const object = ({ key, reason }: DamagedObject): string => `${safeText(key)}: ${safeText(reason)}`
  const isAre = dryRun ? 'would be' : packsNamed === 1 ? 'is' : 'are'
  const depth = data ? '' : '; structure only, without --no-data every chunk is rehashed'
  const lines = [
    ...summary.notes.map((note) => `note: ${safeText(note)}`),
    ...lostIndexes.map((index) => `lost: ${object(index)}`),
    ...(packsNamed === 0 ? [] : [`${plural(packsNamed, 'pack')} that nothing named ${isAre} named again`]),
    ...quarantined.map((pack) => `${dryRun ? 'would be set aside' : 'set aside'}: ${object(pack)}`),
    ...damaged.map((other) => `damaged: ${object(other)}`),
    ...affectedLines(summary),
    ...summary.healed.map((snapshot) => renderHealed(snapshot, timeZone)),
    `${whatWasDone(summary)} in ${humanDuration(summary.durationMs)}${depth}`,
    ...(summary.affectedTotal === 0
      ? []
      : [
          `${affectedInWords(summary)}: back up their sources again, and what is still there as it was is stored again`,
        ]),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** A line for each finding, then the summary. */
export function renderRepairJson(summary: RepairSummary): string {
  const { dryRun, data, lostIndexes, packsNamed, indexesWritten, quarantined, damaged } = summary
  const lines = [
    ...lostIndexes.map((index) => jsonLine({ message_type: 'lost_index', ...index })),
    ...quarantined.map((pack) => jsonLine({ message_type: 'quarantined', ...pack })),
    ...damaged.map((object) => jsonLine({ message_type: 'damaged', ...object })),
    ...summary.affected.map(({ snapshotId, path }) =>
      jsonLine({ message_type: 'affected', snapshot_id: snapshotId, ...jsonPath(path) }),
    ),
    ...summary.healed.map(healedJson),
    jsonLine({
      message_type: 'summary',
      dry_run: dryRun,
      data,
      lost_indexes: lostIndexes.length,
      packs_named: packsNamed,
      indexes_written: indexesWritten,
      packs_quarantined: quarantined.length,
      damaged_objects: damaged.length,
      affected_files: summary.affectedTotal,
      healed_snapshots: summary.healed.length,
      notes: summary.notes,
      total_duration: summary.durationMs / 1000,
    }),
  ]
  return lines.join('')
}

function whatWasDone({ dryRun, lostIndexes, packsNamed, quarantined }: RepairSummary): string {
  const found = lostIndexes.length + packsNamed + quarantined.length
  if (found === 0) return 'nothing to repair'
  return dryRun ? 'nothing was changed (dry run)' : 'repaired; nothing was removed'
}
