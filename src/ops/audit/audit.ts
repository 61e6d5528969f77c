/**
 * `audit`: the log as a trail. Every entry is read again from the storage and folded from nothing, whatever the manifest
 * remembers, so that seals, signatures, roles and the chain are checked anew; then it is compared with what this machine
 * has seen. It holds one entry at a time, and the fold.
 */
import { toHex } from '../../base/bytes.ts'
import type { LogKind } from '../../log/entry.ts'
import { applyEntry } from '../../log/fold.ts'
import { type Log, readEntries } from '../../log/log.ts'
import { type AuthorKey, emptyState, type ProblemReason } from '../../log/log-state.ts'
import type { KeyGrant, KeyRole } from '../../log/payloads.ts'
import { type RawEntry, type ReadEntry, readEntry } from '../../log/read-entry.ts'
import type { Repository } from '../../repository/repository.ts'
import { logHead } from '../verify/inventory.ts'
import { type Action, type Opener, readAction } from './action.ts'

/** Findings that are kept for the summary; each is shown with its entry too. */
const BROKEN_LISTED_MAX = 1_000

export type AuditRequest = {
  /** ms since the epoch: only entries that say they are not older, and those that say no time. */
  readonly sinceMs?: number | undefined
  /** Only the last so many of these. */
  readonly limit?: number | undefined
}

export type Author = {
  /** Signing public key. */
  readonly key: AuthorKey
  /** As the log names it; empty where it does not. */
  readonly name: string
  /** When it wrote the entry; `undefined` for a key that the log did not know. */
  readonly role: KeyRole | undefined
}

export type AuditedEntry = {
  readonly number: number
  /** What the entry says of itself; `undefined` where it cannot be read. */
  readonly said:
    | {
        readonly kind: LogKind
        /** ms since the epoch, by the author's clock. */
        readonly timeMs: number
        readonly author: Author
        readonly action: Action
      }
    | undefined
  /** Its time is before that of the entry before it. */
  readonly clockRanBack: boolean
  readonly counts: boolean
  readonly problems: readonly ProblemReason[]
  /** What is sealed in it does not open. */
  readonly detailsDamaged: boolean
  /** This machine has seen another entry under this number. */
  readonly replaced: boolean
}

export type AuditReport = {
  /** All in the log, shown or not. */
  readonly entries: number
  readonly shown: number
  /** Entries with a finding, and gaps at the end. */
  readonly brokenTotal: number
  /** The first of them; `from` to `to` are entry numbers. */
  readonly broken: readonly { readonly from: number; readonly to: number; readonly reason: string }[]
}

export type AuditPorts = {
  /** Each entry that passes the request, oldest first. */
  readonly entry: (entry: AuditedEntry) => void
  readonly signal: AbortSignal
}

export async function audit(
  repository: Repository,
  request: AuditRequest,
  ports: AuditPorts,
): Promise<AuditReport> {
  const { storage, id: repositoryId, keys, config } = repository
  const log: Log = { storage, repositoryId, logKey: keys.logKey }
  const state = emptyState(config.firstAdmin)
  const opener = await openerOf(repository)
  const findings = new Findings()
  const show = new Shown(request, ports.entry)
  const last = Math.max(await logHead(storage), repository.log.state.next - 1)
  let known: ReadonlyMap<AuthorKey, KeyGrant> = new Map(state.keys)
  let clockMs = Number.NEGATIVE_INFINITY
  for await (const raw of readEntries(log, 0, last)) {
    ports.signal.throwIfAborted()
    const applied = applyEntry(state, raw, log)
    const read = applied.applied ?? readAnyway(raw, log)
    const seen = repository.manifest.log.hashOf(raw.number)
    const { said, detailsDamaged } = describe(read, known, opener)
    const entry: AuditedEntry = {
      number: raw.number,
      said,
      clockRanBack: said !== undefined && said.timeMs < clockMs,
      counts: applied.applied !== undefined,
      problems: applied.problems.map(({ reason }) => reason),
      detailsDamaged,
      replaced: seen !== undefined && Buffer.compare(seen, applied.hash) !== 0,
    }
    if (said !== undefined) clockMs = said.timeMs
    if (applied.applied?.payload.kind === 'keys') known = new Map(state.keys)
    const reasons = findingsOf(entry)
    if (reasons.length > 0) findings.add(raw.number, raw.number, reasons.join('; '))
    show.add(entry)
  }
  if (state.next <= last) findings.add(state.next, last, 'missing, or without the entries before them')
  show.finish()
  return { entries: state.next, shown: show.count, brokenTotal: findings.total, broken: findings.first }
}

/** What is wrong with an entry, as parts of a sentence. */
export function findingsOf({ problems, counts, replaced, detailsDamaged }: AuditedEntry): string[] {
  const gone = problems.includes('unreadable')
  return [
    ...(problems.length === 0
      ? []
      : [`${counts ? 'does not fit' : 'does not count'}: ${problems.join(', ')}`]),
    ...(replaced ? [`this machine has seen ${gone ? 'one here' : 'another one here'}`] : []),
    ...(detailsDamaged ? ['what is sealed in it does not open'] : []),
  ]
}

async function openerOf(repository: Repository): Promise<Opener | undefined> {
  const { contentPublic, contentSecret } = repository.keys
  if (contentSecret === undefined) return undefined
  return { box: await repository.box(), keys: { contentPublic, contentSecret } }
}

/** An entry that does not count may be whole nevertheless: then it tells who tried what. */
function readAnyway(raw: RawEntry, log: Log): ReadEntry | undefined {
  const read = readEntry(raw, log)
  return typeof read === 'string' ? undefined : read
}

function describe(
  read: ReadEntry | undefined,
  known: ReadonlyMap<AuthorKey, KeyGrant>,
  opener: Opener | undefined,
): Pick<AuditedEntry, 'said' | 'detailsDamaged'> {
  if (read === undefined) return { said: undefined, detailsDamaged: false }
  const { kind, timeMs, author } = read.entry
  const key = toHex(author)
  const grant = known.get(key)
  const { action, damaged } = readAction(read.payload, opener)
  return {
    said: { kind, timeMs, author: { key, name: grant?.name ?? '', role: grant?.role }, action },
    detailsDamaged: damaged,
  }
}

class Findings {
  total = 0
  readonly first: { from: number; to: number; reason: string }[] = []

  add(from: number, to: number, reason: string): void {
    this.total += 1
    if (this.first.length < BROKEN_LISTED_MAX) this.first.push({ from, to, reason })
  }
}

/** Passes entries on as they come, or, where only the last ones are wanted, at the end. */
class Shown {
  count = 0
  readonly #request: AuditRequest
  readonly #entry: (entry: AuditedEntry) => void
  #kept: AuditedEntry[] = []

  constructor(request: AuditRequest, entry: (entry: AuditedEntry) => void) {
    this.#request = request
    this.#entry = entry
  }

  add(entry: AuditedEntry): void {
    const { sinceMs, limit } = this.#request
    if (sinceMs !== undefined && entry.said !== undefined && entry.said.timeMs < sinceMs) return
    if (limit === undefined) this.#pass(entry)
    else {
      this.#kept.push(entry)
      // Not one by one, which would move them all each time.
      if (this.#kept.length >= 2 * limit) this.#kept = limit === 0 ? [] : this.#kept.slice(-limit)
    }
  }

  finish(): void {
    const { limit } = this.#request
    for (const entry of limit === undefined || limit === 0 ? [] : this.#kept.slice(-limit)) this.#pass(entry)
  }

  #pass(entry: AuditedEntry): void {
    this.count += 1
    this.#entry(entry)
  }
}
