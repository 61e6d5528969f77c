/** Files that a PostgreSQL server has in its directory of WAL, and what they say of it. Knows no repository. */
import { open, readdir } from 'node:fs/promises'
import { endianness } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { runningHash } from '../../crypto/blake3.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import type { WalFile } from './facts.ts'
import { readWalHeader, WAL_HEADER_BYTES } from './wal-header.ts'
import { parseWalName, segmentNumber, type WalName } from './wal-name.ts'

/** Which cluster wrote it. */
export type WalOwner = { readonly system: string; readonly segmentBytes: number }

export type LocalWal = WalOwner & {
  readonly path: string
  readonly name: string
  readonly bytes: number
  readonly modifiedMs: number
}

const READ_BYTES = 1_048_576
/** Of a history or a label. */
const TEXT_BYTES_MAX = 1_048_576
/** Names of what waits; those at the beginning may have been archived with another already. */
const READY_LOOKED_AT_MAX = 256
/** Segments that are asked which cluster theirs is. */
const SIBLINGS_MAX = 64

/** `USAGE` for a name that PostgreSQL does not archive, `SOURCE_UNREADABLE` for a file that is not what its name says. */
export async function inspectWal(path: string): Promise<LocalWal> {
  const name = basename(path)
  const parsed = parseWalName(name)
  if (parsed === undefined)
    throw new SnapError('USAGE', `${name} is not the name of a file that PostgreSQL archives`, {
      hint: 'In postgresql.conf the command is: archive_command = \'snap wal push SOURCE "%p"\'.',
    })
  const { bytes, modifiedMs, head } = await headOf(path).catch((cause: unknown) => {
    throw unreadable(path, codeInWords(systemCode(cause)) || messageOf(cause), cause)
  })
  const isText = parsed.kind === 'history' || parsed.kind === 'label'
  const owner = isText ? await ownerBeside(path) : ownerOf(parsed, head)
  if (owner === undefined) throw unreadable(path, 'it does not say which cluster it is of')
  if (isText ? bytes > TEXT_BYTES_MAX : bytes !== owner.segmentBytes)
    throw unreadable(path, `it has ${bytes} bytes`)
  return { path, name, bytes, modifiedMs, ...owner }
}

function unreadable(path: string, why: string, cause?: unknown): SnapError {
  return new SnapError('SOURCE_UNREADABLE', `cannot archive ${path}: ${why}`, {
    hint: 'Nothing was saved. PostgreSQL keeps the file and tries again.',
    cause,
  })
}

/** `undefined` where it is not the segment that its name says. On a timeline's first segment the one before may stand. */
function ownerOf(parsed: WalName, head: Uint8Array): WalOwner | undefined {
  const header = readWalHeader(head)
  if (header === undefined || parsed.kind === 'history') return undefined
  const { system, segmentBytes, lsn } = header
  const begin = BigInt(segmentNumber(parsed.place, segmentBytes)) * BigInt(segmentBytes)
  return lsn === begin ? { system, segmentBytes } : undefined
}

/** What segments beside it say, whichever they are. */
async function ownerBeside(path: string): Promise<WalOwner | undefined> {
  const directory = dirname(path)
  const names = await readdir(systemPath(directory))
  const segments = names.filter((name) => parseWalName(name)?.kind === 'segment').sort()
  for (const name of segments.slice(0, SIBLINGS_MAX)) {
    const beside = await headOf(join(directory, name)).catch(() => undefined)
    const header = beside === undefined ? undefined : readWalHeader(beside.head)
    if (header !== undefined) return { system: header.system, segmentBytes: header.segmentBytes }
  }
  return undefined
}

async function headOf(
  path: string,
): Promise<{ readonly bytes: number; readonly modifiedMs: number; readonly head: Uint8Array }> {
  await using file = await open(systemPath(path), 'r')
  const { size, mtimeMs } = await file.stat()
  const head = new Uint8Array(WAL_HEADER_BYTES)
  const { bytesRead } = await file.read(head, 0, head.length, 0)
  return { bytes: size, modifiedMs: Math.ceil(mtimeMs), head: head.subarray(0, bytesRead) }
}

/** The cluster whose data directory this process runs in, as PostgreSQL runs its commands; `undefined` where it is none. */
export async function systemHere(): Promise<string | undefined> {
  const head = new Uint8Array(8)
  try {
    await using file = await open(join('global', 'pg_control'), 'r')
    if ((await file.read(head, 0, head.length, 0)).bytesRead < head.length) return undefined
  } catch {
    return undefined
  }
  return new DataView(head.buffer).getBigUint64(0, endianness() === 'LE').toString()
}

/** Its bytes, and when they have come `read` is told what they were. Throws where they are fewer or more than before. */
export async function* readWal(wal: LocalWal, read: (file: WalFile) => void): AsyncGenerator<Uint8Array> {
  const { path, name, bytes, modifiedMs } = wal
  await using file = await open(systemPath(path), 'r')
  const hash = runningHash()
  let at = 0
  for (;;) {
    const block = new Uint8Array(READ_BYTES)
    const { bytesRead } = await file.read(block, 0, block.length, at)
    if (bytesRead === 0) break
    at += bytesRead
    const part = block.subarray(0, bytesRead)
    hash.update(part)
    yield part
  }
  if (at !== bytes) throw new Error(`it has ${at} bytes, and had ${bytes} before`)
  read({ name, bytes, hash: Buffer.from(hash.digest()).toString('hex'), modifiedMs })
}

/** BLAKE3 of its bytes, hex. */
export async function hashWal(wal: LocalWal): Promise<string> {
  let hash = ''
  for await (const _ of readWal(wal, (file) => (hash = file.hash))) void _
  return hash
}

/**
 * What else the server waits to have archived, in its order: histories first, then by name; `max` of those that `isWanted`. Files that
 * are no longer there, or not what their names say, are left out.
 */
export async function readyBeside(
  path: string,
  max: number,
  isWanted: (name: string) => boolean,
): Promise<LocalWal[]> {
  const directory = dirname(path)
  const names = await readdir(systemPath(join(directory, 'archive_status'))).catch(() => [])
  const ready = names
    .filter((name) => name.endsWith('.ready'))
    .map((name) => name.slice(0, -'.ready'.length))
    .filter((name) => name !== basename(path) && parseWalName(name) !== undefined)
    .sort((a, b) => Number(b.endsWith('.history')) - Number(a.endsWith('.history')) || (a < b ? -1 : 1))
  const found: LocalWal[] = []
  for (const name of ready.slice(0, READY_LOOKED_AT_MAX)) {
    if (found.length === max) break
    if (!isWanted(name)) continue
    const wal = await inspectWal(join(directory, name)).catch(() => undefined)
    if (wal !== undefined) found.push(wal)
  }
  return found
}
