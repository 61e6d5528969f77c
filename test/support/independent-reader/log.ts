/** Replays the log (section 7 of `docs/format.md`): which snapshots and index objects are in force. Reads no pack. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Cursor, violation } from './cursor.ts'
import { hash, OBJECT_TYPE, openBody, openBox, readHeader, verifySignature } from './sealing.ts'
import { type Content, readContent } from './tree.ts'
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
  readonly root: Content
  /** The details as JSON; `undefined` where this slot cannot open them. */
  readonly details: unknown
  readonly forgotten: boolean
}

export type LogState = {
  readonly snapshots: ReadonlyMap<string, IndependentSnapshot>
  /** Index objects in force: id to the hash of the raw object. */
  readonly indexes: ReadonlyMap<string, Buffer>
  readonly condemnedPacks: ReadonlySet<string>
  readonly quarantinedPacks: ReadonlySet<string>
  readonly entries: number
}

const KINDS = ['', 'COMMIT', 'FORGET', 'UNFORGET', 'GC', 'QUARANTINE', 'ATTEST', 'KEYS', 'NOTE', 'CHECKPOINT']
const ADMIN_ONLY = new Set(['FORGET', 'UNFORGET', 'GC', 'QUARANTINE', 'KEYS', 'CHECKPOINT'])
const ADMIN = 1
const REVOKED = 0

type Entry = {
  readonly kind: string
  readonly author: Buffer
  readonly number: number
  readonly payload: Buffer
}

export function replayLog(
  directory: string,
  keys: Keys,
  config: Config,
  report: (problem: string) => void,
): LogState {
  const roles = new Map([[config.firstAdmin.toString('hex'), ADMIN]])
  const snapshots = new Map<string, IndependentSnapshot>()
  const indexes = new Map<string, Buffer>()
  const condemnedPacks = new Set<string>()
  const condemnedIndexes = new Set<string>()
  const quarantinedPacks = new Set<string>()
  const names = new Set(readdirSync(join(directory, 'log')).filter((name) => /^\d{16}$/.test(name)))
  const entries = names.size === 0 ? violation('the log is empty') : Number([...names].sort().at(-1)) + 1
  if (entries > names.size + 1_000_000) violation('the log has too many gaps')

  /** Whether it opens decides nothing: a writer cannot, and must fold the same state. */
  const readSealedJson = (sealed: Buffer, entry: Entry): unknown => {
    if (keys.contentSecretKey === undefined) return undefined
    try {
      return JSON.parse(openBox(sealed, keys.contentPublicKey, keys.contentSecretKey).toString('utf8'))
    } catch (error) {
      report(`log ${entry.number}: its details: ${(error as Error).message}`)
      return undefined
    }
  }

  const apply = (entry: Entry): void => {
    const cursor = new Cursor(entry.payload)
    const ids = (): string[] => cursor.list(16, () => cursor.take(16).toString('hex'))
    const newIndexes = (): [string, Buffer][] =>
      cursor.list(48, () => [cursor.take(16).toString('hex'), cursor.take(32)])
    const setForgotten = (forgotten: boolean): void => {
      const chosen = ids()
      cursor.end(entry.kind)
      for (const id of chosen) {
        const snapshot = snapshots.get(id)
        if (snapshot === undefined) report(`log ${entry.number}: ${entry.kind} of unknown snapshot ${id}`)
        else snapshots.set(id, { ...snapshot, forgotten })
      }
    }
    switch (entry.kind) {
      case 'COMMIT': {
        const [snapshot, found] = [readCommit(cursor, entry), newIndexes()]
        const details = cursor.varBytes()
        cursor.end('COMMIT')
        if (snapshots.has(snapshot.id)) violation('the snapshot id was used before')
        snapshots.set(snapshot.id, { ...snapshot, details: readSealedJson(details, entry) })
        for (const [id, digest] of found) indexes.set(id, digest)
        break
      }
      case 'FORGET':
      case 'UNFORGET':
        setForgotten(entry.kind === 'FORGET')
        break
      case 'GC': {
        const [packs, gone, found] = [ids(), ids(), newIndexes()]
        cursor.end('GC')
        for (const id of packs) condemnedPacks.add(id)
        for (const id of gone) condemnedIndexes.add(id)
        for (const [id, digest] of found) indexes.set(id, digest)
        break
      }
      case 'QUARANTINE':
      case 'ATTEST': {
        const packs = ids()
        cursor.end(entry.kind)
        for (const id of packs) {
          if (entry.kind === 'QUARANTINE') quarantinedPacks.add(id)
        }
        break
      }
      case 'KEYS': {
        const changes = cursor.list(34, () => {
          const [key, role] = [cursor.take(32).toString('hex'), cursor.u8()]
          if (role > 3) violation(`role ${role} is unknown`)
          cursor.varBytes()
          return [key, role] as const
        })
        cursor.end('KEYS')
        for (const [key, role] of changes) roles.set(key, role)
        break
      }
      case 'NOTE':
        readSealedJson(cursor.varBytes(), entry)
        cursor.end('NOTE')
        break
      default: // A checkpoint repeats what a full replay has already found.
    }
  }

  let before: Buffer | undefined
  for (let number = 0; number < entries; number++) {
    const name = String(number).padStart(16, '0')
    const raw = names.has(name) ? readFileSync(join(directory, 'log', name)) : undefined
    try {
      if (raw === undefined) violation('missing')
      const { entry, previous } = readEntry(raw, number, directory, keys)
      const expected = number === 0 ? Buffer.alloc(32) : before
      if (expected === undefined || !previous.equals(expected))
        report(`log ${number}: the entry before it is not the one that it names`)
      const role = roles.get(entry.author.toString('hex')) ?? REVOKED
      if (role === REVOKED || (ADMIN_ONLY.has(entry.kind) && role !== ADMIN))
        violation(`its author may not write ${entry.kind}`)
      if (number === 0 && entry.kind !== 'KEYS') violation('the first entry is not KEYS')
      apply(entry)
    } catch (error) {
      report(`log ${number}: ${(error as Error).message}`)
    }
    before = raw === undefined ? undefined : hash(raw)
  }
  for (const id of condemnedIndexes) indexes.delete(id)
  return { snapshots, indexes, condemnedPacks, quarantinedPacks, entries }
}

function readEntry(
  raw: Buffer,
  number: number,
  directory: string,
  keys: Keys,
): { entry: Entry; previous: Buffer } {
  readHeader(raw, OBJECT_TYPE.log, keys.repositoryId)
  const objectKey = `log/${String(number).padStart(16, '0')}`
  const cursor = new Cursor(openBody(raw, keys.logKey, { objectKey }))
  const kind = KINDS[cursor.u8()] || violation('the kind is unknown')
  const elsewhere = cursor.u8()
  if (elsewhere > 1) violation('neither an entry with its payload nor without')
  cursor.zeros(6, 'the reserved part of a log entry')
  if (cursor.size() !== number) violation('the number is not that of the key')
  const previous = cursor.take(32)
  cursor.i64() // The author's clock decides nothing.
  const author = cursor.take(32)
  const inline = cursor.take(cursor.u32())
  const signed = Buffer.concat([
    Buffer.from('snapkeep v1 log entry', 'ascii'),
    keys.repositoryId,
    cursor.bytes.subarray(0, cursor.at),
  ])
  const signature = cursor.take(64)
  cursor.end('a log entry')
  if (!verifySignature(signature, signed, author)) violation('the signature does not fit')
  const payload = elsewhere === 1 ? readList(inline, directory, keys) : inline
  return { entry: { kind, author, number, payload }, previous }
}

function readList(pointer: Buffer, directory: string, keys: Keys): Buffer {
  const cursor = new Cursor(pointer)
  const [id, digest] = [cursor.take(16).toString('hex'), cursor.take(32)]
  cursor.end('the place of a payload')
  const raw = readFileSync(join(directory, 'lists', id))
  if (!hash(raw).equals(digest)) violation(`lists/${id} is not the one that the entry names`)
  readHeader(raw, OBJECT_TYPE.list, keys.repositoryId)
  return openBody(raw, keys.logKey, { objectKey: `lists/${id}` })
}

function readCommit(cursor: Cursor, entry: Entry): IndependentSnapshot {
  return {
    id: cursor.take(16).toString('hex'),
    seriesId: cursor.take(16).toString('hex'),
    headRead: cursor.i64(),
    timeMs: cursor.i64(),
    number: entry.number,
    author: entry.author.toString('hex'),
    root: readContent(cursor),
    details: undefined,
    forgotten: false,
  }
}
