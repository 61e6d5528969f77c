/** Reads the log (section 7 of `docs/format.md`) from its first entry and folds it. Reads no pack. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeCheckpoint } from './checkpoint.ts'
import { Cursor, NewerFormat, utf8, violation } from './cursor.ts'
import {
  type Entry,
  Fold,
  type FoldedSnapshot,
  kindOf,
  NoOp,
  type Payload,
  type Reason,
  readPayload,
} from './fold.ts'
import { hash, OBJECT_TYPE, openBody, openBox, padme, readHeader, verifySignature } from './sealing.ts'
import type { Config, Keys } from './unlock.ts'

export type IndependentSnapshot = {
  readonly id: string
  readonly seriesId: string
  /** -1: the writer saw no log. */
  readonly headRead: bigint
  readonly timeMs: bigint
  /** Number of its `COMMIT` entry. */
  readonly number: number
  /** Signing public key of the author, hex. */
  readonly author: string
  /** An encoded `content`. */
  readonly root: Buffer
  /** The details as JSON; `undefined` where this slot cannot open them. */
  readonly details: unknown
  /** What a TAG entry put in place of the tags in the details, where this slot can open it. */
  readonly tags: unknown
  readonly forgotten: boolean
  readonly held: boolean
}

/** What an entry says, for those who look at the log itself. */
export type IndependentEntry = {
  readonly number: number
  /** `undefined`: it does not count. */
  readonly kind: string | undefined
  readonly author: string | undefined
  /** Of a NOTE, where this slot opens it. */
  readonly note?: unknown
}

export type LogState = {
  readonly fold: Fold
  readonly snapshots: ReadonlyMap<string, IndependentSnapshot>
  readonly entries: readonly IndependentEntry[]
}

/** A body of 64 KiB or 64 MiB, framed, padded and sealed. */
const ENTRY_BYTES_MAX = 32 + 48 + padme(4 + 65_536)
const LIST_BYTES_MAX = 32 + 48 + padme(4 + 67_108_864)

export function replayLog(
  directory: string,
  keys: Keys,
  config: Config,
  report: (problem: string) => void,
): LogState {
  const names = new Set(readdirSync(join(directory, 'log')).filter((name) => /^\d{16}$/.test(name)))
  const count = names.size === 0 ? 0 : Number([...names].sort().at(-1)) + 1
  if (count > names.size + 1_000_000) violation('the log has too many gaps')
  const fold = new Fold(config.firstAdmin)
  const entries: IndependentEntry[] = []
  let before: Buffer | undefined = Buffer.alloc(32)
  for (let number = 0; number < count; number++) {
    const raw = readAtMost(join(directory, 'log', String(number).padStart(16, '0')), ENTRY_BYTES_MAX)
    const problem = (reason: Reason, message: string): void => {
      found.push({ number, reason })
      report(`log ${number}: ${message}`)
    }
    const found: Fold['problems'][number][] = []
    let counted: { entry: Entry; payload: Payload } | undefined
    try {
      const read = readEntry(raw, number, directory, keys)
      if (before !== undefined && !read.previous.equals(before))
        problem('chain-broken', 'chain-broken: the entry before it is not the one that it names')
      fold.apply(read.entry, read.payload, () => encodeCheckpoint(fold, number, before))
      counted = read
    } catch (error) {
      if (!(error instanceof NoOp)) throw error
      problem(error.reason, error.message)
    }
    fold.problems.push(...found)
    const note =
      counted?.payload.kind === 'NOTE' ? openJson(counted.payload.sealed, keys, number, report) : undefined
    entries.push({ number, kind: counted?.entry.kind, author: counted?.entry.author, note })
    before = raw === undefined ? undefined : hash(raw)
  }
  const snapshots = [...fold.snapshots.values()].map((snapshot) => describe(snapshot, keys, report))
  return { fold, snapshots: new Map(snapshots.map((snapshot) => [snapshot.id, snapshot])), entries }
}

function describe(
  snapshot: FoldedSnapshot,
  keys: Keys,
  report: (problem: string) => void,
): IndependentSnapshot {
  const { id, seriesId, headRead, timeMs, entry, root, sealedDetails, sealedTags, held, forgottenBy } =
    snapshot
  const details = openJson(sealedDetails, keys, entry.number, report)
  const forgotten = forgottenBy !== undefined
  const { number, author } = entry
  const tags = sealedTags === undefined ? undefined : openJson(sealedTags, keys, entry.number, report)
  return { id, seriesId, headRead, timeMs, number, author, root, details, tags, held, forgotten }
}

/** Whether it opens decides nothing: a writer cannot, and must fold the same state. */
function openJson(sealed: Buffer, keys: Keys, number: number, report: (problem: string) => void): unknown {
  if (keys.contentSecretKey === undefined) return undefined
  try {
    const json = openBox(sealed, keys.contentPublicKey, keys.contentSecretKey)
    if (json.length > 4 * 1_048_576) violation('too long')
    return JSON.parse(utf8(json))
  } catch (error) {
    report(`log ${number}: its details: ${(error as Error).message}`)
    return undefined
  }
}

/** What goes wrong within is a `NoOp` for `reason`. */
function because<T>(reason: Reason, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof NewerFormat) throw error
    throw new NoOp(reason, (error as Error).message)
  }
}

function readEntry(
  raw: Buffer | undefined,
  number: number,
  directory: string,
  keys: Keys,
): { entry: Entry; previous: Buffer; payload: Payload } {
  if (raw === undefined) throw new NoOp('unreadable', 'absent or too long')
  const body = because('unopened', () => {
    readHeader(raw, OBJECT_TYPE.log, keys.repositoryId)
    const opened = openBody(raw, keys.logKey, { objectKey: `log/${String(number).padStart(16, '0')}` })
    return opened.length <= 65_536 ? opened : violation('a body above 64 KiB')
  })
  const { entry, previous, inline, list, signature, signedBytes } = because('undecodable', () =>
    decodeBody(body, number),
  )
  const label = Buffer.from('snapkeep v1 log entry', 'ascii')
  const signed = Buffer.concat([label, keys.repositoryId, body.subarray(0, signedBytes)])
  because('unsigned', () => {
    if (!verifySignature(signature, signed, Buffer.from(entry.author, 'hex')))
      violation('the signature does not fit')
  })
  const bytes =
    list === undefined ? inline : because('list-unreadable', () => readList(list, directory, keys))
  return { entry, previous, payload: because('undecodable', () => readPayload(entry.kind, bytes)) }
}

type ListReference = { readonly id: string; readonly digest: Buffer }

function decodeBody(body: Buffer, number: number) {
  const cursor = new Cursor(body)
  const kind = kindOf(cursor.u8())
  const elsewhere = cursor.u8()
  if (elsewhere > 1) violation('neither an entry with its payload nor without')
  cursor.zeros(6, 'the reserved part of a log entry')
  if (cursor.size() !== number) violation('the number is not that of the key')
  const previous = cursor.take(32)
  const timeMs = cursor.i64()
  const author = cursor.take(32).toString('hex')
  const inline = cursor.take(cursor.u32())
  const signedBytes = cursor.at
  const signature = cursor.take(64)
  cursor.end('a log entry')
  const list = elsewhere === 1 ? readReference(inline) : undefined
  return { entry: { kind, author, number, timeMs }, previous, inline, list, signature, signedBytes }
}

function readReference(bytes: Buffer): ListReference {
  const cursor = new Cursor(bytes)
  const reference = { id: cursor.take(16).toString('hex'), digest: cursor.take(32) }
  cursor.end('the place of a payload')
  return reference
}

function readList({ id, digest }: ListReference, directory: string, keys: Keys): Buffer {
  const raw = readAtMost(join(directory, 'lists', id), LIST_BYTES_MAX)
  if (raw === undefined) return violation(`lists/${id} is absent or too long`)
  if (!hash(raw).equals(digest)) violation(`lists/${id} is not the one that the entry names`)
  readHeader(raw, OBJECT_TYPE.list, keys.repositoryId)
  return openBody(raw, keys.logKey, { objectKey: `lists/${id}` })
}

function readAtMost(path: string, bytesMax: number): Buffer | undefined {
  try {
    const raw = readFileSync(path)
    return raw.length <= bytesMax ? raw : undefined
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
