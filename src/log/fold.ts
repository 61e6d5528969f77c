/**
 * The log's meaning: what each entry changes, and which entries may. The state after n entries follows from their raw
 * bytes alone, so all readers agree. Nothing here knows storage or clocks.
 */
import { assert, unreachable } from '../base/assert.ts'
import { toHex } from '../base/bytes.ts'
import { hash } from '../crypto/blake3.ts'
import { SnapError } from '../model/errors.ts'
import type { PackId, SnapshotId } from '../model/ids.ts'
import { logKey } from '../object/object-keys.ts'
import { decodeState, encodeState } from './checkpoint.ts'
import type { LogEntry, LogKind, LogSecrets } from './entry.ts'
import {
  type AuthorKey,
  type LoggedSnapshot,
  type LogProblem,
  type LogState,
  NO_HASH,
  type ProblemReason,
} from './log-state.ts'
import type {
  CommitPayload,
  GcPayload,
  IndexReference,
  KeyRole,
  LogPayload,
  PacksPayload,
  SnapshotsPayload,
  TagPayload,
} from './payloads.ts'
import { type RawEntry, type ReadEntry, readEntry } from './read-entry.ts'

/** Whose entries of a kind count. Whoever could attest or commit in another's name could make others lose data. */
const MAY_WRITE: Readonly<Record<LogKind, readonly KeyRole[]>> = {
  commit: ['admin', 'writer'],
  forget: ['admin'],
  unforget: ['admin'],
  gc: ['admin'],
  quarantine: ['admin'],
  attest: ['admin', 'reader'],
  keys: ['admin'],
  note: ['admin', 'reader', 'writer'],
  checkpoint: ['admin'],
  hold: ['admin'],
  unhold: ['admin'],
  tag: ['admin'],
}

export type AppliedEntry = {
  readonly number: number
  /** BLAKE3 of the raw bytes; zeros where there are none. */
  readonly hash: Uint8Array
  /** `undefined`: it does not count, and `problems` says why. */
  readonly applied: ReadEntry | undefined
  readonly problems: readonly LogProblem[]
}

/**
 * Takes the next entry into `state`. One that does not open, verify or decode, or that its author may not write,
 * changes the chain and `problems` alone. `REPOSITORY_TOO_NEW`: nothing is changed; nothing else is ever thrown,
 * whatever the bytes.
 */
export function applyEntry(state: LogState, raw: RawEntry, secrets: LogSecrets): AppliedEntry {
  assert(raw.number === state.next, `entry ${state.next} comes next, not ${raw.number}`)
  const read = readEntry(raw, secrets)
  const reasons: ProblemReason[] = []
  let applied: ReadEntry | undefined
  if (typeof read === 'string') reasons.push(read)
  else {
    if (!follows(read.entry, state)) reasons.push('chain-broken')
    const refusal = mayWrite(state, read) ? change(state, read) : 'unauthorized'
    if (refusal === undefined) applied = read
    else reasons.push(refusal)
  }
  const problems = reasons.map((reason) => ({ number: raw.number, reason }))
  state.problems.push(...problems)
  state.next += 1
  state.lastHash = raw.bytes === undefined ? NO_HASH : hash(raw.bytes)
  return { number: raw.number, hash: state.lastHash, applied, problems }
}

/**
 * The state before the CHECKPOINT entry `raw`, from which a fold can go on with that same entry. A forged checkpoint
 * would name its forger an admin, so `trusts` must decide by other knowledge than this log: the number and hash
 * remembered from a whole fold, or the author's key. `OBJECT_DAMAGED` where it cannot be used.
 */
export function stateFromCheckpoint(
  raw: RawEntry,
  secrets: LogSecrets,
  trusts: (author: AuthorKey) => boolean,
): LogState {
  const refuse = (why: string): never => {
    throw new SnapError('OBJECT_DAMAGED', `${logKey(raw.number)} cannot be the start: ${why}`, {
      hint: 'Read the log from its first entry.',
    })
  }
  const read = readEntry(raw, secrets)
  if (typeof read === 'string') return refuse(read)
  const { entry, payload } = read
  if (payload.kind !== 'checkpoint') return refuse(`it is no checkpoint but a ${payload.kind}`)
  if (!trusts(toHex(entry.author))) return refuse('its author is not trusted')
  const state = decodeState(payload.state, logKey(raw.number))
  if (state.next !== raw.number || !follows(entry, state)) return refuse('it was made for another place')
  if (!mayWrite(state, read)) return refuse('its author is no admin')
  return state
}

/** True where the entry names the object before by its hash, or where that object cannot be read. */
function follows(entry: LogEntry, state: LogState): boolean {
  const unknown = state.next > 0 && Buffer.compare(state.lastHash, NO_HASH) === 0
  return unknown || Buffer.compare(entry.previous, state.lastHash) === 0
}

function mayWrite(state: LogState, { entry }: ReadEntry): boolean {
  const role = state.keys.get(toHex(entry.author))?.role
  return role !== undefined && MAY_WRITE[entry.kind].includes(role)
}

/** All of what an entry says, or the reason why none of it. */
function change(state: LogState, { entry, payload }: ReadEntry): ProblemReason | undefined {
  if (entry.number === 0 && payload.kind !== 'keys') return 'contradiction'
  switch (payload.kind) {
    case 'commit':
      return commit(state, entry, payload)
    case 'forget':
      return forget(state, entry, payload)
    case 'unforget':
      return unforget(state, payload)
    case 'gc':
      return collect(state, entry, payload)
    case 'quarantine':
    case 'attest':
      return judgePacks(state, payload)
    case 'keys':
      for (const key of payload.keys) state.keys.set(toHex(key.publicKey), key)
      return undefined
    case 'note':
      return undefined
    case 'checkpoint':
      return isState(state, payload) ? undefined : 'contradiction'
    case 'hold':
    case 'unhold':
      return hold(state, payload)
    case 'tag':
      return tag(state, payload)
    default:
      return unreachable(payload)
  }
}

function commit(state: LogState, entry: LogEntry, payload: CommitPayload): ProblemReason | undefined {
  const { snapshot: id, series, timeMs, root, indexes, details } = payload
  if (state.snapshots.has(id) || payload.headRead < -1 || payload.headRead >= entry.number)
    return 'contradiction'
  if (!indexes.every((index) => fits(state, index))) return 'contradiction'
  addIndexes(state, entry, indexes)
  state.snapshots.set(id, {
    id,
    series,
    timeMs,
    committedMs: entry.timeMs,
    number: entry.number,
    author: toHex(entry.author),
    root,
    indexes,
    details,
    tags: undefined,
    held: false,
    forgotten: undefined,
  })
  return undefined
}

/** A snapshot that is not there, or forgotten already, is as it should be; one that is held stays. */
function forget(state: LogState, entry: LogEntry, payload: SnapshotsPayload): undefined {
  const forgotten = { number: entry.number, timeMs: entry.timeMs }
  for (const id of payload.snapshots) {
    const snapshot = state.snapshots.get(id)
    if (snapshot?.forgotten === undefined && snapshot?.held === false) alter(state, id, { forgotten })
  }
}

function hold(state: LogState, { kind, snapshots }: SnapshotsPayload): undefined {
  for (const id of snapshots) alter(state, id, { held: kind === 'hold' })
}

function tag(state: LogState, payload: TagPayload): undefined {
  for (const { snapshot, sealed } of payload.tags) alter(state, snapshot, { tags: sealed })
}

/** A snapshot that is not there is passed over. */
function alter(
  state: LogState,
  id: SnapshotId,
  to: Partial<Pick<LoggedSnapshot, 'forgotten' | 'held' | 'tags'>>,
): void {
  const snapshot = state.snapshots.get(id)
  if (snapshot !== undefined) state.snapshots.set(id, { ...snapshot, ...to })
}

/** All or nothing: what a GC entry took may be gone, and half an undo would look like a whole one. */
function unforget(state: LogState, payload: SnapshotsPayload): ProblemReason | undefined {
  if (!payload.snapshots.every((id) => state.snapshots.has(id))) return 'contradiction'
  for (const id of payload.snapshots) alter(state, id, { forgotten: undefined })
  return undefined
}

function collect(state: LogState, entry: LogEntry, payload: GcPayload): ProblemReason | undefined {
  const condemned = new Set(payload.indexes)
  if (!payload.newIndexes.every((index) => fits(state, index) && !condemned.has(index.id)))
    return 'contradiction'
  for (const id of payload.indexes) {
    state.indexes.delete(id)
    state.condemnedIndexes.add(id)
  }
  addIndexes(state, entry, payload.newIndexes)
  for (const id of payload.packs) {
    state.condemnedPacks.add(id)
    state.quarantined.delete(id)
    state.attested.delete(id)
  }
  // Passed over, not a contradiction: where a FORGET entry was damaged, the new index objects must count all the same.
  for (const id of payload.snapshots) if (mayBePruned(state.snapshots.get(id))) state.snapshots.delete(id)
  return undefined
}

/** Whatever a collector believes: what is live or held is not taken. */
function mayBePruned(snapshot: LoggedSnapshot | undefined): boolean {
  return snapshot?.forgotten !== undefined && !snapshot.held
}

/** A quarantined pack stays so, whoever attests it; a condemned one is neither. */
function judgePacks(state: LogState, payload: PacksPayload): undefined {
  const judge = (id: PackId): void => {
    if (payload.kind === 'attest') {
      if (!state.quarantined.has(id)) state.attested.add(id)
      return
    }
    state.quarantined.add(id)
    state.attested.delete(id)
  }
  for (const id of payload.packs) if (!state.condemnedPacks.has(id)) judge(id)
}

function isState(state: LogState, payload: LogPayload & { kind: 'checkpoint' }): boolean {
  return Buffer.compare(encodeState(state), payload.state) === 0
}

/** An index object is named once for one content, and never again after it was condemned. */
function fits(state: LogState, { id, hash: expected }: IndexReference): boolean {
  const known = state.indexes.get(id)
  if (known !== undefined) return Buffer.compare(known.hash, expected) === 0
  return !state.condemnedIndexes.has(id)
}

function addIndexes(state: LogState, entry: LogEntry, indexes: readonly IndexReference[]): void {
  const author = toHex(entry.author)
  const trusted = state.keys.get(author)?.role === 'admin'
  for (const { id, hash: bytesHash } of indexes) {
    if (state.indexes.has(id)) continue
    state.indexes.set(id, { hash: bytesHash, number: entry.number, author, trusted })
  }
}
