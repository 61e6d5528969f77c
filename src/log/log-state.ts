/**
 * What is true in a repository after some number of log entries. Plain data: only `fold.ts` changes it, and it knows
 * nothing of storage.
 */
import { toHex } from '../base/bytes.ts'
import { HASH_BYTES } from '../crypto/blake3.ts'
import type { IndexId, PackId, SeriesId, SnapshotId } from '../model/ids.ts'
import type { IndexReference, KeyGrant } from './payloads.ts'

/** In the order of their numbers in a checkpoint, from 1. */
export const PROBLEM_REASONS = [
  'unreadable', // the object is absent, or longer than any entry
  'unopened', // it does not authenticate
  'undecodable', // its bytes are no entry of any known kind
  'unsigned', // the signature is not the author's
  'list-unreadable', // the list object that it names is absent, damaged or another
  'unauthorized', // the author may not write this kind
  'contradiction', // it says what cannot be, as a snapshot id that exists
  'chain-broken', // it does not follow the object that is before it now: something was replaced or removed
] as const
export type ProblemReason = (typeof PROBLEM_REASONS)[number]

const UNREADABLE: ReadonlySet<ProblemReason> = new Set([
  'unreadable',
  'unopened',
  'undecodable',
  'unsigned',
  'list-unreadable',
])

/** Whether the entry may have said what nobody can read any more. */
export function isUnreadable(reason: ProblemReason): boolean {
  return UNREADABLE.has(reason)
}

/** An entry that says nothing; but after `chain-broken` alone it counts nevertheless. */
export type LogProblem = { readonly number: number; readonly reason: ProblemReason }

/** A signing public key as 64 hex digits. */
export type AuthorKey = string

export type LoggedSnapshot = {
  readonly id: SnapshotId
  readonly series: SeriesId
  /** When it was taken and when it was committed, ms since the epoch, by the writer's clock. */
  readonly timeMs: number
  readonly committedMs: number
  /** Log entry. */
  readonly number: number
  readonly author: AuthorKey
  /** One encoded `content`. */
  readonly root: Uint8Array
  readonly indexes: readonly IndexReference[]
  /** Sealed `SnapshotDetails`. */
  readonly details: Uint8Array
  /** Sealed JSON in place of the tags in the details; `undefined` where no TAG entry named it. */
  readonly tags: Uint8Array | undefined
  /** It cannot be forgotten or pruned. */
  readonly held: boolean
  /** `undefined`: live. */
  readonly forgotten: { readonly number: number; readonly timeMs: number } | undefined
}

export type LiveIndex = {
  readonly hash: Uint8Array
  /** The log entry that named it first. */
  readonly number: number
  readonly author: AuthorKey
  /** The author was an admin: others may deduplicate against the packs in it without having them attested. */
  readonly trusted: boolean
}

export type LogState = {
  /** The number of entries read. */
  next: number
  /** BLAKE3 of the raw bytes of entry `next - 1`; zeros before the first entry and where that object is unreadable. */
  lastHash: Uint8Array
  /** Every key that was ever named, revoked ones among them. */
  readonly keys: Map<AuthorKey, KeyGrant>
  /** In the order of their entries; forgotten ones among them, pruned ones not. */
  readonly snapshots: Map<SnapshotId, LoggedSnapshot>
  readonly indexes: Map<IndexId, LiveIndex>
  /** Names that never come back. */
  readonly condemnedIndexes: Set<IndexId>
  readonly condemnedPacks: Set<PackId>
  readonly quarantined: Set<PackId>
  readonly attested: Set<PackId>
  readonly problems: LogProblem[]
}

export const NO_HASH: Uint8Array = new Uint8Array(HASH_BYTES)

/** Before entry 0. `firstAdmin`: the signing public key that `config` names. */
export function emptyState(firstAdmin: Uint8Array): LogState {
  return {
    next: 0,
    lastHash: NO_HASH,
    keys: new Map([[toHex(firstAdmin), { publicKey: firstAdmin, role: 'admin', name: '' }]]),
    snapshots: new Map(),
    indexes: new Map(),
    condemnedIndexes: new Set(),
    condemnedPacks: new Set(),
    quarantined: new Set(),
    attested: new Set(),
    problems: [],
  }
}

/** Changing one leaves the other as it is. */
export function copyState(state: LogState): LogState {
  return {
    next: state.next,
    lastHash: state.lastHash,
    keys: new Map(state.keys),
    snapshots: new Map(state.snapshots),
    indexes: new Map(state.indexes),
    condemnedIndexes: new Set(state.condemnedIndexes),
    condemnedPacks: new Set(state.condemnedPacks),
    quarantined: new Set(state.quarantined),
    attested: new Set(state.attested),
    problems: [...state.problems],
  }
}

/** Not forgotten. */
export function isLive(snapshot: LoggedSnapshot): boolean {
  return snapshot.forgotten === undefined
}
