/**
 * What a snapshot says about itself, as JSON sealed to the content public key (format, section 7): writers can make
 * it and only readers can read it. Notes, the audit trail, are sealed in the same way.
 */
import { decodeText, encodeText } from '../base/bytes.ts'
import type { Box } from '../crypto/box.ts'
import { SnapError } from '../model/errors.ts'

/** JSON, before it is sealed. */
export const DETAILS_BYTES_MAX = 4_194_304
/** Paths that are named; what is above counts in the summary only. */
export const UNREADABLE_MAX = 100

export type UnreadablePath = { readonly path: string; readonly reason: string }

/** What was asked for, of which the snapshot's paths are made up. A job has several; what was typed on a command line has none. */
export type SnapshotSource = {
  /** In the configuration; absent where a category's globs name the files. */
  readonly name?: string | undefined
  readonly category?: string | undefined
  /** The data type, within the category. */
  readonly type?: string | undefined
  /** As `files` or `command`. */
  readonly kind: string
  /** Of the snapshot; they may be globs. */
  readonly paths: readonly string[]
  /** What was found out about it, as the rows of a database's tables. */
  readonly facts?: Note | undefined
}

/** In paths each byte that is not part of valid UTF-8 is U+DC00 + byte. */
export type SnapshotDetails = {
  readonly hostname: string
  readonly username: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  readonly label?: string | undefined
  readonly job?: string | undefined
  readonly program: { readonly name: string; readonly version: string }
  readonly excludes: readonly string[]
  readonly sources?: readonly SnapshotSource[] | undefined
  /** Something was unreadable. */
  readonly incomplete: boolean
  readonly unreadable: readonly UnreadablePath[]
  readonly summary: Readonly<Record<string, number>>
  /** Id of the snapshot that this one was made from, by taking paths out of it. */
  readonly original?: string | undefined
  /** The log entry of the first of those originals, in whose place this one stands. To be believed of admins alone. */
  readonly place?: LogPlace | undefined
  /** What this one is a copy of. */
  readonly copied_from?: CopiedFrom | undefined
}

/** Ids of another repository and of a snapshot in it. */
export type CopiedFrom = { readonly repository: string; readonly snapshot: string }

/** Number of a log entry, and its time in ms since the epoch. */
export type LogPlace = { readonly number: number; readonly committedMs: number }

export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }
/** What was done, by a restore, a verification or a drill. */
export type Note = { readonly [key: string]: JsonValue | undefined }

export type ContentKeys = { readonly contentPublic: Uint8Array; readonly contentSecret: Uint8Array }

/** `LIMIT_EXCEEDED` above `UNREADABLE_MAX` paths or `DETAILS_BYTES_MAX` bytes. */
export function sealDetails(box: Box, contentPublic: Uint8Array, details: SnapshotDetails): Uint8Array {
  checkUnreadable(details.unreadable.length)
  return sealJson(box, contentPublic, details)
}

export function openDetails(box: Box, keys: ContentKeys, sealed: Uint8Array): SnapshotDetails {
  return validateDetails(openJson(box, keys, sealed))
}

export function sealNote(box: Box, contentPublic: Uint8Array, note: Note): Uint8Array {
  return sealJson(box, contentPublic, note)
}

export function openNote(box: Box, keys: ContentKeys, sealed: Uint8Array): Note {
  return object(openJson(box, keys, sealed), 'a note') as Note
}

/** What a TAG entry puts in place of the tags in a snapshot's details. */
export function sealTags(box: Box, contentPublic: Uint8Array, tags: readonly string[]): Uint8Array {
  return sealJson(box, contentPublic, { tags })
}

export function openTags(box: Box, keys: ContentKeys, sealed: Uint8Array): string[] {
  return texts(object(openJson(box, keys, sealed), 'tags')['tags'], 'tags')
}

function sealJson(box: Box, contentPublic: Uint8Array, value: unknown): Uint8Array {
  const json = encodeText(JSON.stringify(value))
  checkBytes(json.length)
  return box.seal(contentPublic, json)
}

function openJson(box: Box, keys: ContentKeys, sealed: Uint8Array): unknown {
  const json = box.open(keys.contentPublic, keys.contentSecret, sealed)
  checkBytes(json.length)
  try {
    return JSON.parse(decodeText(json, 'sealed JSON'))
  } catch (cause) {
    throw new SnapError('OBJECT_DAMAGED', 'sealed JSON does not parse', { cause })
  }
}

/** `OBJECT_DAMAGED` where a field is absent or of another type; fields that are not known are dropped. */
export function validateDetails(value: unknown): SnapshotDetails {
  const fields: Partial<Record<keyof SnapshotDetails, unknown>> = object(value, 'details')
  const program: { name?: unknown; version?: unknown } = object(fields.program, 'program')
  const unreadable = array(fields.unreadable, 'unreadable')
  checkUnreadable(unreadable.length)
  return {
    hostname: text(fields.hostname, 'hostname'),
    username: text(fields.username, 'username'),
    paths: texts(fields.paths, 'paths'),
    tags: texts(fields.tags, 'tags'),
    ...optional('label', fields.label),
    ...optional('job', fields.job),
    program: { name: text(program.name, 'program'), version: text(program.version, 'program') },
    excludes: texts(fields.excludes, 'excludes'),
    ...(fields.sources === undefined
      ? {}
      : { sources: array(fields.sources, 'sources').map(snapshotSource) }),
    incomplete: boolean(fields.incomplete, 'incomplete'),
    unreadable: unreadable.map(unreadablePath),
    summary: numbers(fields.summary, 'summary'),
    ...optional('original', fields.original),
    ...(fields.place === undefined ? {} : { place: logPlace(fields.place) }),
    ...(fields.copied_from === undefined ? {} : { copied_from: copiedFrom(fields.copied_from) }),
  }
}

function logPlace(value: unknown): LogPlace {
  const { number, committedMs } = numbers(value, 'place')
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(committedMs)) throw wrongType('place')
  return { number: Number(number), committedMs: Number(committedMs) }
}

function copiedFrom(value: unknown): CopiedFrom {
  const fields: Partial<Record<keyof CopiedFrom, unknown>> = object(value, 'copied_from')
  return {
    repository: text(fields.repository, 'copied_from'),
    snapshot: text(fields.snapshot, 'copied_from'),
  }
}

function snapshotSource(value: unknown): SnapshotSource {
  const fields: Partial<Record<keyof SnapshotSource, unknown>> = object(value, 'a source')
  return {
    ...optional('name', fields.name),
    ...optional('category', fields.category),
    ...optional('type', fields.type),
    kind: text(fields.kind, 'kind'),
    paths: texts(fields.paths, 'paths'),
    ...(fields.facts === undefined ? {} : { facts: object(fields.facts, 'facts') as Note }),
  }
}

function unreadablePath(value: unknown): UnreadablePath {
  const fields: { path?: unknown; reason?: unknown } = object(value, 'unreadable')
  return { path: text(fields.path, 'unreadable'), reason: text(fields.reason, 'unreadable') }
}

function optional<Name extends string>(name: Name, value: unknown): { [N in Name]?: string } {
  return value === undefined ? {} : ({ [name]: text(value, name) } as { [N in Name]?: string })
}

function object(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw wrongType(what)
}

function array(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw wrongType(what)
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw wrongType(what)
}

function texts(value: unknown, what: string): string[] {
  return array(value, what).map((item) => text(item, what))
}

function boolean(value: unknown, what: string): boolean {
  if (typeof value === 'boolean') return value
  throw wrongType(what)
}

function numbers(value: unknown, what: string): Record<string, number> {
  return Object.fromEntries(
    Object.entries(object(value, what)).map(([name, item]) => {
      if (typeof item !== 'number' || !Number.isFinite(item)) throw wrongType(what)
      return [name, item]
    }),
  )
}

function wrongType(what: string): SnapError {
  return new SnapError('OBJECT_DAMAGED', `the details of a snapshot: ${what} is absent or of another type`)
}

function checkBytes(bytes: number): void {
  if (bytes <= DETAILS_BYTES_MAX) return
  throw new SnapError('LIMIT_EXCEEDED', `details of ${bytes} bytes; ${DETAILS_BYTES_MAX} are allowed`)
}

function checkUnreadable(count: number): void {
  if (count <= UNREADABLE_MAX) return
  throw new SnapError('LIMIT_EXCEEDED', `${count} unreadable paths; ${UNREADABLE_MAX} are allowed`)
}
