/**
 * A log state as bytes: the payload of a CHECKPOINT entry. The same state always gives the same bytes, so that a
 * reader of the whole log can hold a checkpoint against its own fold. Knows nothing of who may write one.
 *
 * | size | field |
 * | --- | --- |
 * | 1 | checkpoint version: 1 |
 * | 8, 32 | number of the entry that holds it, and the hash of the object before |
 * | | signing keys, as in a KEYS payload, sorted by public key |
 * | varint | count of snapshots, in the order of their entries; each as below |
 * | varint | count of live index objects, sorted by id; each: id (16), hash (32), entry number (varint), author (32), 1 where trusted (1) |
 * | | four lists of ids, each a count (varint) and ids (16 each), sorted: condemned index objects, condemned packs, quarantined packs, attested packs |
 * | varint | count of problems, in order; each: entry number (varint), reason (1) |
 *
 * A snapshot: id (16), series (16), entry number (varint), author (32), snapshot time (8, ms, signed), entry time (8, ms,
 * signed), flags (1: 1 forgotten, 2 held, 4 tagged), where forgotten the number (varint) and time (8) of that entry, where
 * tagged the sealed tags `bytes<varint>`, root `content`, index objects as in COMMIT, details `bytes<varint>`.
 */
import { ByteReader, ByteWriter, fromHex, toHex } from '../base/bytes.ts'
import { HASH_BYTES } from '../crypto/blake3.ts'
import { SIGNING_PUBLIC_KEY_BYTES } from '../crypto/signature.ts'
import { ID_BYTES, indexId, packId, seriesId, snapshotId } from '../model/ids.ts'
import { LOG_LIST_BYTES_MAX } from '../model/limits.ts'
import { type LiveIndex, type LoggedSnapshot, type LogState, PROBLEM_REASONS } from './log-state.ts'
import {
  copy,
  readIds,
  readKeys,
  readReferences,
  readRoot,
  writeIds,
  writeKeys,
  writeReferences,
} from './payloads.ts'

const CHECKPOINT_VERSION = 1
const FORGOTTEN = 1
const HELD = 2
const TAGGED = 4
const SNAPSHOT_BYTES_MIN = 2 * ID_BYTES + SIGNING_PUBLIC_KEY_BYTES + 22
const INDEX_BYTES_MIN = ID_BYTES + HASH_BYTES + SIGNING_PUBLIC_KEY_BYTES + 2

export function encodeState(state: LogState): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(65_536).u8(CHECKPOINT_VERSION).u64(state.next).raw(state.lastHash)
  writeKeys(
    writer,
    sortedByKey(state.keys).map(([, key]) => key),
  )
  writer.varint(state.snapshots.size)
  for (const snapshot of state.snapshots.values()) writeSnapshot(writer, snapshot)
  writer.varint(state.indexes.size)
  for (const [id, index] of sortedByKey(state.indexes)) {
    writer.raw(fromHex(id)).raw(index.hash).varint(index.number)
    writer.raw(fromHex(index.author)).u8(index.trusted ? 1 : 0)
  }
  const { condemnedIndexes, condemnedPacks, quarantined, attested } = state
  for (const ids of [condemnedIndexes, condemnedPacks, quarantined, attested])
    writeIds(writer, [...ids].sort())
  writer.varint(state.problems.length)
  for (const { number, reason } of state.problems) {
    writer.varint(number).u8(PROBLEM_REASONS.indexOf(reason) + 1)
  }
  return writer.done()
}

/** `OBJECT_DAMAGED` for bytes that `encodeState` does not give. Holds no view of `bytes`. */
export function decodeState(bytes: Uint8Array, name: string): LogState {
  const reader = new ByteReader(bytes, name)
  const version = reader.u8()
  if (version !== CHECKPOINT_VERSION) reader.fail(`checkpoint version ${version} is not known`)
  const state: LogState = {
    next: reader.u64(),
    lastHash: copy(reader.raw(HASH_BYTES)),
    keys: new Map(readKeys(reader).map((key) => [toHex(key.publicKey), key])),
    snapshots: new Map(readSnapshots(reader, bytes).map((snapshot) => [snapshot.id, snapshot])),
    indexes: new Map(readIndexes(reader)),
    condemnedIndexes: new Set(readIds(reader, indexId)),
    condemnedPacks: new Set(readIds(reader, packId)),
    quarantined: new Set(readIds(reader, packId)),
    attested: new Set(readIds(reader, packId)),
    problems: readProblems(reader),
  }
  reader.end()
  if (Buffer.compare(encodeState(state), bytes) !== 0) reader.fail('not in its one order')
  return state
}

function writeSnapshot(writer: ByteWriter, snapshot: LoggedSnapshot): void {
  const { id, series, number, author, timeMs, committedMs, forgotten, held, tags } = snapshot
  writer
    .raw(fromHex(id))
    .raw(fromHex(series))
    .varint(number)
    .raw(fromHex(author))
    .i64(timeMs)
    .i64(committedMs)
  writer.u8((forgotten === undefined ? 0 : FORGOTTEN) | (held ? HELD : 0) | (tags === undefined ? 0 : TAGGED))
  if (forgotten !== undefined) writer.varint(forgotten.number).i64(forgotten.timeMs)
  if (tags !== undefined) writer.bytes(tags)
  writer.raw(snapshot.root)
  writeReferences(writer, snapshot.indexes)
  writer.bytes(snapshot.details)
}

function readSnapshots(reader: ByteReader, bytes: Uint8Array): LoggedSnapshot[] {
  const count = reader.count(LOG_LIST_BYTES_MAX, SNAPSHOT_BYTES_MIN)
  return Array.from({ length: count }, () => readSnapshot(reader, bytes))
}

function readSnapshot(reader: ByteReader, bytes: Uint8Array): LoggedSnapshot {
  const who = {
    id: snapshotId(toHex(reader.raw(ID_BYTES))),
    series: seriesId(toHex(reader.raw(ID_BYTES))),
    number: reader.varint(),
    author: toHex(reader.raw(SIGNING_PUBLIC_KEY_BYTES)),
    timeMs: reader.i64(),
    committedMs: reader.i64(),
  }
  const flags = reader.u8()
  if (flags > (FORGOTTEN | HELD | TAGGED)) reader.fail(`unknown flags ${flags} of a snapshot`)
  const forgotten = (flags & FORGOTTEN) === 0 ? undefined : { number: reader.varint(), timeMs: reader.i64() }
  const held = (flags & HELD) !== 0
  const tags = (flags & TAGGED) === 0 ? undefined : copy(reader.bytes(LOG_LIST_BYTES_MAX))
  const root = readRoot(reader, bytes)
  const indexes = readReferences(reader)
  return { ...who, forgotten, held, tags, root, indexes, details: copy(reader.bytes(LOG_LIST_BYTES_MAX)) }
}

function readIndexes(reader: ByteReader): [ReturnType<typeof indexId>, LiveIndex][] {
  const count = reader.count(LOG_LIST_BYTES_MAX, INDEX_BYTES_MIN)
  return Array.from({ length: count }, () => {
    const id = indexId(toHex(reader.raw(ID_BYTES)))
    const hash = copy(reader.raw(HASH_BYTES))
    const number = reader.varint()
    const author = toHex(reader.raw(SIGNING_PUBLIC_KEY_BYTES))
    return [id, { hash, number, author, trusted: reader.u8() === 1 }]
  })
}

function readProblems(reader: ByteReader): LogState['problems'] {
  const count = reader.count(LOG_LIST_BYTES_MAX, 2)
  return Array.from({ length: count }, () => ({
    number: reader.varint(),
    reason: PROBLEM_REASONS[reader.u8() - 1] ?? reader.fail('unknown reason'),
  }))
}

function sortedByKey<K extends string, V>(map: ReadonlyMap<K, V>): [K, V][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}
