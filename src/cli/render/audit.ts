/** The log as a trail: a line for each entry, for people and for programs, and what is wrong with it. */

import { unreachable } from '../../base/assert.ts'
import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { Action } from '../../ops/audit/action.ts'
import { type AuditedEntry, type AuditReport, type Author, findingsOf } from '../../ops/audit/audit.ts'
import { formatLocalTime } from '../../ops/zoned-time.ts'
import { humanBytes, humanCount, humanDuration, plural } from '../output/human.ts'
import { jsonLine } from '../output/json-lines.ts'
import { safeText } from '../output/safe-text.ts'
import { shortId } from './snapshots.ts'

/** Ids that one line names. */
const NAMED_MAX = 5
const NUMBER_DIGITS = 6
/** Of a signing public key: tells the keys of one repository apart. */
const FINGERPRINT_DIGITS = 8

/** Times on the wall clock of `timeZone` (local if absent). */
export function renderAuditedEntry(entry: AuditedEntry, timeZone?: string): string {
  const number = String(entry.number).padStart(NUMBER_DIGITS)
  const findings = findingsOf(entry).map((finding) => `!! ${finding}`)
  const { said } = entry
  if (said === undefined) return `${number}  ${findings.join('; ')}\n`
  const time = formatLocalTime(said.timeMs, timeZone) + (entry.clockRanBack ? ' (clock ran back)' : '')
  const what = [inWords(said.action), ...findings].join('  ')
  return `${number}  ${time}  ${safeText(authorInWords(said.author))}  ${safeText(what)}\n`
}

export function renderAuditSummary({ entries, broken, brokenTotal }: AuditReport): string {
  const count = plural(entries, 'entry', 'entries')
  if (brokenTotal === 0) return `${count}, chain and signatures whole\n`
  const lines = broken.map(({ from, to, reason }) => {
    return `broken: ${from === to ? `log entry ${from}` : `log entries ${from} to ${to}`}: ${reason}`
  })
  if (brokenTotal > broken.length) lines.push(`and ${humanCount(brokenTotal - broken.length)} more`)
  lines.push(`${count}, ${plural(brokenTotal, 'finding')}`)
  return lines.map((line) => `${safeText(line)}\n`).join('')
}

export function renderAuditedEntryJson(entry: AuditedEntry): string {
  const { number, said, clockRanBack, counts, problems, detailsDamaged, replaced } = entry
  return jsonLine({
    message_type: 'entry',
    number,
    ...(said === undefined
      ? {}
      : {
          time: rfc3339OfMs(said.timeMs),
          clock_ran_back: clockRanBack,
          author: { key: said.author.key, name: said.author.name, role: said.author.role ?? null },
          kind: said.kind,
          ...actionJson(said.action),
        }),
    counts,
    problems,
    details_damaged: detailsDamaged,
    replaced,
  })
}

export function renderAuditSummaryJson({ entries, shown, broken, brokenTotal }: AuditReport): string {
  return jsonLine({
    message_type: 'summary',
    entries,
    shown,
    whole: brokenTotal === 0,
    broken_total: brokenTotal,
    broken,
  })
}

function authorInWords({ key, name, role }: Author): string {
  const fingerprint = key.slice(0, FINGERPRINT_DIGITS)
  if (role === undefined) return `unknown key ${fingerprint}`
  return `${name === '' ? 'unnamed key' : name} (${role}, ${fingerprint})`
}

function inWords(action: Action): string {
  switch (action.kind) {
    case 'commit':
      return savedInWords(action)
    case 'forget':
      return `forgot ${named('snapshot', action.snapshots)}`
    case 'unforget':
      return `took back that these were forgotten: ${named('snapshot', action.snapshots)}`
    case 'hold':
      return `held ${named('snapshot', action.snapshots)}`
    case 'unhold':
      return `no longer holds ${named('snapshot', action.snapshots)}`
    case 'gc':
      return collectedInWords(action)
    case 'quarantine':
      return `quarantined ${named('pack', action.packs)}`
    case 'attest':
      return `attested ${named('pack', action.packs)}`
    case 'keys':
      return `set ${action.keys.map(({ key, name, role }) => `key ${key.slice(0, FINGERPRINT_DIGITS)} "${name}" to ${role}`).join(', ')}`
    case 'note':
      return action.note === undefined ? 'left a note that this key cannot read' : noteInWords(action.note)
    case 'checkpoint':
      return 'wrote a checkpoint'
    case 'tag':
      return action.tags
        .map(({ snapshot, tags }) => `tagged snapshot ${shortId(snapshot)} ${tags?.join(',') ?? '(sealed)'}`)
        .join(', ')
    default:
      return unreachable(action)
  }
}

function savedInWords({ snapshot, details }: Action & { kind: 'commit' }): string {
  const saved = `saved snapshot ${shortId(snapshot)}`
  if (details === undefined) return saved
  const { paths, hostname, label, summary, incomplete } = details
  const { total_files_processed: files, total_bytes_processed: bytes } = summary
  return [
    `${saved} of ${paths.join(' ')} (host ${hostname}${label === undefined ? '' : `, ${label}`})`,
    ...(files === undefined || bytes === undefined
      ? []
      : [`: ${plural(files, 'file')}, ${humanBytes(bytes)}`]),
    incomplete ? ', incomplete' : ', ok',
  ].join('')
}

function collectedInWords({ packs, indexes, newIndexes, snapshots }: Action & { kind: 'gc' }): string {
  const removed = [
    ...(packs === 0 ? [] : [plural(packs, 'pack')]),
    ...(indexes === 0 ? [] : [plural(indexes, 'index object')]),
  ]
  return [
    `removed ${removed.length === 0 ? 'nothing' : removed.join(' and ')}`,
    ...(newIndexes === 0 ? [] : [`wrote ${plural(newIndexes, 'index object')}`]),
    ...(snapshots.length === 0 ? [] : [`for ${named('snapshot', snapshots)}`]),
  ].join(', ')
}

/** Anything may stand in a note: what is not of the expected type is left out. */
function noteInWords(note: NonNullable<(Action & { kind: 'note' })['note']>): string {
  const text = (name: string): string | undefined => {
    const value = note[name]
    return typeof value === 'string' ? value : undefined
  }
  const number = (name: string): number | undefined => {
    const value = note[name]
    return typeof value === 'number' ? value : undefined
  }
  const { snapshots, counts, drill } = note
  const drilled = typeof drill === 'object' && drill !== null && 'name' in drill ? drill['name'] : undefined
  const ids = Array.isArray(snapshots) ? snapshots.filter((id): id is string => typeof id === 'string') : []
  const counted = typeof counts === 'object' && counts !== null ? Object.entries(counts) : []
  const bytes = number('bytes')
  const duration = number('duration_ms')
  const affected = number('affected_total')
  return [
    text('operation') ?? 'a note without an operation',
    ...(typeof drilled === 'string' ? [` ${drilled}`] : []),
    ...(ids.length === 0 ? [] : [` of ${named('snapshot', ids)}`]),
    ...(text('target') === undefined ? [] : [` to ${text('target')}`]),
    ...(text('slot_added') === undefined ? [] : [`, ${shortId(text('slot_added') ?? '')} added`]),
    ...(text('slot_removed') === undefined ? [] : [`, ${shortId(text('slot_removed') ?? '')} removed`]),
    ...(text('host') === undefined ? [] : [` on ${text('host')} by ${text('user') ?? '?'}`]),
    ': ',
    [
      ...counted
        .filter(([, value]) => typeof value === 'number' && value !== 0)
        .map(([name, value]) => countInWords(name, Number(value))),
      ...(bytes === undefined || bytes === 0 ? [] : [humanBytes(bytes)]),
      ...(duration === undefined ? [] : [`in ${humanDuration(duration)}`]),
      ...(affected === undefined || affected === 0 ? [] : [`${plural(affected, 'snapshot')} affected`]),
      [text('result') ?? 'no result', ...(text('error') === undefined ? [] : [`(${text('error')})`])].join(
        ' ',
      ),
    ].join(', '),
  ].join('')
}

/** `files_restored`, 1: `1 file restored`. */
function countInWords(name: string, count: number): string {
  const words = name.replaceAll('_', ' ')
  return `${humanCount(count)} ${count === 1 ? words.replace(/(file|snapshot|pack|object|database|probe|check)s/, '$1') : words}`
}

function named(what: string, ids: readonly string[]): string {
  const shown = ids.slice(0, NAMED_MAX).map(shortId).join(', ')
  const more = ids.length > NAMED_MAX ? ` and ${humanCount(ids.length - NAMED_MAX)} more` : ''
  return ids.length === 1 ? `${what} ${shown}` : `${plural(ids.length, what)}: ${shown}${more}`
}

function actionJson(action: Action): object {
  switch (action.kind) {
    case 'commit': {
      const { snapshot, timeMs, details } = action
      const { hostname, username, paths, tags, label, incomplete, summary } = details ?? {}
      const open = { hostname, username, paths, tags, label, incomplete, summary }
      return { snapshot_id: snapshot, snapshot_time: rfc3339OfMs(timeMs), ...open }
    }
    case 'forget':
    case 'unforget':
    case 'hold':
    case 'unhold':
      return { snapshots: action.snapshots }
    case 'gc': {
      const { packs, indexes, newIndexes, snapshots } = action
      return { packs, indexes, new_indexes: newIndexes, snapshots }
    }
    case 'quarantine':
    case 'attest':
      return { packs: action.packs }
    case 'keys':
      return { keys: action.keys }
    case 'note':
      return { note: action.note ?? null }
    case 'checkpoint':
      return {}
    case 'tag':
      return {
        snapshots: action.tags.map(({ snapshot }) => snapshot),
        tags: action.tags.map(({ tags }) => tags ?? null),
      }
    default:
      return unreachable(action)
  }
}
