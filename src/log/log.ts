/**
 * The log on a storage: finding its head, reading it, and the one way to add to it. It decides nothing about what
 * entries mean, and it never tries again: who loses a slot must read first.
 */
import { toHex } from '../base/bytes.ts'
import { hash } from '../crypto/blake3.ts'
import type { Random } from '../model/clock.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import { ID_BYTES, listId } from '../model/ids.ts'
import { LOG_ENTRY_BYTES_MAX, LOG_LIST_BYTES_MAX, LOG_PAYLOAD_INLINE_BYTES_MAX } from '../model/limits.ts'
import type { ObjectKey, Storage } from '../model/storage.ts'
import { listKey, logKey } from '../object/object-keys.ts'
import { sealedBytesMax } from '../object/sealed-object.ts'
import { type EntryPayload, type LogSecrets, sealEntry, signEntry } from './entry.ts'
import { type AppliedEntry, applyEntry } from './fold.ts'
import type { LogState } from './log-state.ts'
import { decodePayload, encodePayload, type LogPayload } from './payloads.ts'
import { listNamedBy, type RawEntry, sealList } from './read-entry.ts'

/** Entries that are fetched at once; each is small. */
const ENTRIES_IN_FLIGHT_MAX = 16
/** What lies behind so many absent entries in a row is not of the log: a few planted objects would have us read all numbers up to them. */
export const LOG_GAP_MAX = 1_000

export type Log = LogSecrets & { readonly storage: Storage }

/** A place in the log that a client has seen. `hash`: BLAKE3 of the raw bytes of that entry. */
export type SeenHead = { readonly number: number; readonly hash: Uint8Array }

/**
 * The number of the newest entry, -1 where there is none. `known` is one that exists, or -1: the next ones are probed
 * at doubling, then at halving distances, which is right because slots are taken one after the other.
 */
export async function findHead(storage: Storage, known = -1): Promise<number> {
  const exists = async (number: number): Promise<boolean> =>
    Number.isSafeInteger(number) && (await storage.stat(logKey(number))) !== undefined
  let head = known
  let step = 1
  while (await exists(head + step)) {
    head += step
    step *= 2
  }
  let absent = head + step
  while (absent - head > 1) {
    const middle = head + Math.floor((absent - head) / 2)
    if (await exists(middle)) head = middle
    else absent = middle
  }
  return head
}

/** The raw entries `from` to `head`, in order, with the lists that they name; none behind `LOG_GAP_MAX` absent ones. */
export async function* readEntries(log: Log, from: number, head: number): AsyncGenerator<RawEntry> {
  let absent = 0
  for (let start = from; start <= head && absent < LOG_GAP_MAX; start += ENTRIES_IN_FLIGHT_MAX) {
    const count = Math.min(ENTRIES_IN_FLIGHT_MAX, head - start + 1)
    const numbers = Array.from({ length: count }, (_, index) => start + index)
    const entries = await Promise.all(numbers.map((number) => readStored(log.storage, number)))
    for (const [index, stored] of entries.entries()) {
      const number = start + index
      if (stored === 'absent') {
        absent += 1
        continue
      }
      if (absent >= LOG_GAP_MAX) return
      // Only now: whoever takes absent entries in never looks at their numbers again.
      for (; absent > 0; absent--) yield { number: number - absent, bytes: undefined }
      // Lists may be long: one at a time.
      yield await withList(log, number, bytesOf(stored))
    }
  }
  if (absent >= LOG_GAP_MAX) return
  for (; absent > 0; absent--) yield { number: head - absent + 1, bytes: undefined }
}

/** One raw entry with the list that it names. Storage that fails throws; what is absent or too long is left out. */
export async function readRawEntry(log: Log, number: number): Promise<RawEntry> {
  return withList(log, number, await readEntryBytes(log.storage, number))
}

async function readEntryBytes(storage: Storage, number: number): Promise<Uint8Array | undefined> {
  return bytesOf(await readStored(storage, number))
}

function readStored(storage: Storage, number: number): Promise<Stored> {
  return readAtMost(storage, logKey(number), sealedBytesMax(LOG_ENTRY_BYTES_MAX))
}

async function withList(log: Log, number: number, bytes: Uint8Array | undefined): Promise<RawEntry> {
  const named = bytes && newerIsForTheFold(() => listNamedBy(bytes, number, log))
  if (named === undefined) return { number, bytes }
  const list = bytesOf(await readAtMost(log.storage, listKey(named.id), sealedBytesMax(LOG_LIST_BYTES_MAX)))
  return { number, bytes, list }
}

/**
 * Takes every entry that the storage holds beyond `state` into it. `onEntry` sees each one after it was applied.
 */
export async function catchUp(
  log: Log,
  state: LogState,
  onEntry: (entry: AppliedEntry) => void = () => {},
): Promise<void> {
  const head = await findHead(log.storage, state.next - 1)
  for await (const raw of readEntries(log, state.next, head)) onEntry(applyEntry(state, raw, log))
}

/**
 * `REPOSITORY_ROLLED_BACK` unless the log still holds the entry `seen`, bit for bit: then entries were removed or
 * replaced after this client saw them. It does not look at the entries before, which the chain of hashes covers.
 */
export async function checkExtends({ storage }: Pick<Log, 'storage'>, seen: SeenHead): Promise<void> {
  const { number } = seen
  const bytes = await readEntryBytes(storage, number)
  if (bytes !== undefined && Buffer.compare(hash(bytes), seen.hash) === 0) return
  const what = bytes === undefined ? 'is no longer there' : 'is another now'
  const head = await findHead(storage)
  const end = head < 0 ? 'the log is empty' : `the log ends with entry ${head}`
  const message = `log entry ${number}, which this machine has seen, ${what}: ${end}`
  throw new SnapError('REPOSITORY_ROLLED_BACK', message, {
    hint: 'This is an older copy of the repository, or its newest entries were removed. Find out why; `snap manifest rebuild --accept-rollback` accepts it. To look into a copy, name another --cache-dir.',
  })
}

/** A payload ready for any number of attempts. */
export type PreparedPayload = {
  readonly kind: LogPayload['kind']
  readonly payload: EntryPayload
  /** The stored list object. */
  readonly list?: Uint8Array | undefined
}

/** Encodes a payload; a long one is durable as a list object when this returns. `LIMIT_EXCEEDED` above 64 MiB. */
export async function preparePayload(
  log: Log,
  payload: LogPayload,
  random: Random,
): Promise<PreparedPayload> {
  const { kind } = payload
  const inline = encodePayload(payload)
  decodePayload(kind, inline, 'a payload to write') // what readers would not read must not be written
  // A bit that flipped meanwhile would be signed with the rest, and everybody would believe it.
  if (Buffer.compare(encodePayload(payload), inline) !== 0) throw spoiled(kind)
  if (inline.length <= LOG_PAYLOAD_INLINE_BYTES_MAX) return { kind, payload: { inline } }
  if (inline.length > LOG_LIST_BYTES_MAX) {
    throw new SnapError(
      'LIMIT_EXCEEDED',
      `a log entry of ${inline.length} bytes; ${LOG_LIST_BYTES_MAX} are allowed`,
    )
  }
  const id = listId(toHex(random.bytes(ID_BYTES)))
  const list = sealList(inline, id, log, random)
  await log.storage.put(listKey(id), [list])
  return { kind, payload: { list: { id, hash: hash(list) } }, list }
}

function spoiled(kind: LogPayload['kind']): SnapError {
  return new SnapError('OBJECT_DAMAGED', `a log entry (${kind}) did not survive being encoded`, {
    hint: 'Nothing was written. Memory or processor of this machine may be faulty: test them.',
  })
}

export type EntryDraft = {
  readonly prepared: PreparedPayload
  /** ms since the epoch. */
  readonly timeMs: number
  readonly signingSeed: Uint8Array
  readonly random: Random
}

/**
 * Tries once to add an entry behind the last one of `state`, which is left as it is. What is returned is that entry,
 * durable, for `applyEntry`; `undefined` where another holds the slot: then catch up, check again everything that
 * the entry relies on, and only then try again.
 */
export async function appendEntry(
  log: Log,
  state: LogState,
  draft: EntryDraft,
): Promise<RawEntry | undefined> {
  const number = state.next
  const { kind, payload, list } = draft.prepared
  const fields = { kind, number, previous: state.lastHash, timeMs: draft.timeMs, payload }
  const body = signEntry(fields, log.repositoryId, draft.signingSeed)
  const bytes = sealEntry(body, number, log, draft.random)
  const key = logKey(number)
  // A storage that tries again after a lost answer finds its own object: the fresh salt in it tells whose it is.
  const won = (await log.storage.create(key, bytes)) || (await holds(log.storage, key, bytes))
  return won ? { number, bytes, list } : undefined
}

async function holds(storage: Storage, key: ObjectKey, bytes: Uint8Array): Promise<boolean> {
  const stored = bytesOf(await readAtMost(storage, key, sealedBytesMax(LOG_ENTRY_BYTES_MAX)))
  return stored !== undefined && Buffer.compare(stored, bytes) === 0
}

type Stored = Uint8Array | 'absent' | 'too long'

const bytesOf = (stored: Stored): Uint8Array | undefined => (typeof stored === 'string' ? undefined : stored)

async function readAtMost(storage: Storage, key: ObjectKey, bytesMax: number): Promise<Stored> {
  const stat = await storage.stat(key)
  if (stat === undefined) return 'absent'
  if (stat.bytes > bytesMax) return 'too long'
  try {
    return await storage.read(key)
  } catch (error) {
    if (hasCode(error, 'OBJECT_MISSING')) return 'absent'
    throw error
  }
}

function newerIsForTheFold<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (hasCode(error, 'REPOSITORY_TOO_NEW')) return undefined
    throw error
  }
}
