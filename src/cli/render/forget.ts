/** What a policy keeps and forgets: a table for each group for people, restic's groups for programs. */
import type { Freed } from '../../ops/du/freed.ts'
import type { Counters } from '../../ops/forget/rules.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, plural } from '../output/human.ts'
import { jsonArray } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import { renderTable } from '../output/table.ts'
import { type ListedSnapshot, marksExplained, marksOf, shortId, snapshotJson } from './snapshots.ts'

export type ListedVerdict = {
  readonly snapshot: ListedSnapshot
  readonly kept: boolean
  /** What keeps it, in words. */
  readonly reasons: readonly string[]
  /** What the counting rules have left after it. */
  readonly counters: Counters
}

/** `undefined`: not grouped by it. */
export type ListedGroup = {
  readonly host: string | undefined
  readonly paths: readonly string[] | undefined
  readonly tags: readonly string[] | undefined
  readonly label: string | null | undefined
  /** Newest first. */
  readonly verdicts: readonly ListedVerdict[]
}

const COLUMNS = ['', 'id', 'time', 'label', 'tags', 'kept by'].map((title) => ({ title }))

/** A span as people wrote it, for which a prune spares what was forgotten; `0` spares nothing. */
export type Spared = {
  readonly undeleteWindow: string
  /** A prune follows at once. */
  readonly prune: boolean
}

export type ForgetView = {
  readonly dryRun: boolean
  readonly timeZone: string
  /** What pruning would free; `undefined` where damage leaves it open. */
  readonly freed: Freed | undefined
  readonly spared: Spared
  /** Archived WAL, none of which is listed by itself. */
  readonly wal: readonly ListedGroup[]
}

/** In each group oldest first, with times on the wall clock of `timeZone`. */
export function renderForget(
  groups: readonly ListedGroup[],
  { dryRun, timeZone, freed, spared, wal }: ForgetView,
): string {
  const tables = groups.map((group) => `${groupName(group)}\n${renderGroup(group, timeZone)}\n`)
  const ruled = groups.flatMap((group) => group.verdicts)
  const marks = marksExplained(ruled.map(({ snapshot }) => snapshot))
  const archived = wal.flatMap((group) => group.verdicts)
  const verdicts = [...ruled, ...archived]
  return `${tables.join('')}${renderWal(archived, dryRun)}${marks}${renderCounts(verdicts, dryRun, spared)}${renderFreed(verdicts, dryRun, freed, spared)}`
}

function renderWal(verdicts: readonly ListedVerdict[], dryRun: boolean): string {
  if (verdicts.length === 0) return ''
  const kept = verdicts.filter((verdict) => verdict.kept).length
  const done = dryRun ? 'would be forgotten' : 'forgotten'
  return `archived WAL: ${plural(verdicts.length - kept, 'snapshot')} that no base backup needs ${done}, ${kept} kept\n`
}

function renderFreed(
  verdicts: readonly ListedVerdict[],
  dryRun: boolean,
  freed: Freed | undefined,
  spared: Spared,
): string {
  if (verdicts.every(({ kept }) => kept) || (!dryRun && isFreedAtOnce(spared))) return ''
  if (freed === undefined)
    return 'what pruning would free cannot be told: `snap verify` says what is damaged\n'
  return `pruning ${dryRun ? 'would' : 'will'} then free ${humanBytes(freed.total)}\n`
}

function renderGroup({ verdicts }: ListedGroup, timeZone: string): string {
  const rows = verdicts
    .toSorted(({ snapshot: a }, { snapshot: b }) => a.time - b.time)
    .map(({ snapshot, kept, reasons }) => [
      kept ? 'keep' : 'remove',
      shortId(snapshot.id) + marksOf(snapshot),
      formatLocalTime(snapshot.time, timeZone),
      snapshot.label ?? '',
      snapshot.tags.join(','),
      reasons.join(', '),
    ])
  return renderTable(COLUMNS, rows)
}

/** `web1: /srv /etc, tags nightly`; what all have in common. */
function groupName({ host, paths, tags, label }: ListedGroup): string {
  const sources = paths?.join(' ')
  const parts = [
    host !== undefined && sources !== undefined ? `${host}: ${sources}` : (host ?? sources),
    tags === undefined ? undefined : tags.length === 0 ? 'no tags' : `tags ${tags.join(',')}`,
    label === undefined ? undefined : label === null ? 'no label' : `label ${label}`,
  ].filter((part) => part !== undefined)
  return safeText(parts.length === 0 ? 'all snapshots' : parts.join(', '))
}

function renderCounts(verdicts: readonly ListedVerdict[], dryRun: boolean, spared: Spared): string {
  const kept = verdicts.filter((verdict) => verdict.kept).length
  const removed = verdicts.length - kept
  if (dryRun) return `would forget ${plural(removed, 'snapshot')}, and keep ${kept}\n`
  return `${plural(removed, 'snapshot')} forgotten, ${kept} kept\n${removed > 0 ? undoInWords(spared) : ''}`
}

/** The prune that follows says what it freed. */
export const isFreedAtOnce = ({ undeleteWindow, prune }: Spared): boolean =>
  prune && undeleteWindow.trim() === '0'

function undoInWords(spared: Spared): string {
  const { undeleteWindow } = spared
  if (undeleteWindow.trim() !== '0')
    return `\`snap forget --undo\` brings them back; \`snap prune\` frees their space ${undeleteWindow} from now, and then they are gone\n`
  return isFreedAtOnce(spared)
    ? ''
    : '`snap forget --undo` brings them back; `snap prune` frees their space, and then they are gone\n'
}

/** By name rather than by a policy. `names`: as messages name them. */
export function renderForgotten(names: readonly string[], dryRun: boolean, spared: Spared): string {
  const lines = names.map((name) => `${dryRun ? 'would forget' : 'forgot'} ${safeText(name)}\n`)
  return `${lines.join('')}${dryRun || names.length === 0 ? '' : undoInWords(spared)}`
}

/** `prune_frees_bytes`: what the removed snapshots of the group need, and nothing that stays or is of another group. */
export function renderForgetJson(groups: readonly ListedGroup[], freed: Freed | undefined): string {
  return jsonArray(
    groups.map(({ host, paths, tags, label, verdicts }, index) => {
      const kept = verdicts.filter((verdict) => verdict.kept)
      const removed = verdicts.filter((verdict) => !verdict.kept)
      return {
        tags: tags ?? null,
        host: host ?? '',
        paths: paths ?? null,
        ...(label === undefined ? {} : { label }),
        keep: kept.map(({ snapshot }) => snapshotJson(snapshot)),
        remove: removed.map(({ snapshot }) => snapshotJson(snapshot)),
        prune_frees_bytes: freed?.each[index] ?? null,
        reasons: kept.map(({ snapshot, reasons, counters }) => ({
          snapshot: snapshotJson(snapshot),
          matches: reasons,
          counters,
        })),
      }
    }),
  )
}
