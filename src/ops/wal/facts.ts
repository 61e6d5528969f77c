/**
 * What snapshots record of base backups and of archived WAL, as the facts of their sources: written here and read here, where nothing
 * is believed of a shape that it should not have.
 */
import type { Note, SnapshotSource } from '../../log/details.ts'
import { isSegmentBytes, parseWalName } from './wal-name.ts'

/** Kinds of sources. */
export const BASE_KIND = 'postgres-cluster'
export const WAL_KIND = 'postgres-wal'

/** Files in one snapshot of WAL. */
export const WAL_FILES_MAX = 64

export type WalFile = {
  readonly name: string
  readonly bytes: number
  /** BLAKE3, hex. */
  readonly hash: string
  /** When it was last written to: nothing in it is younger. ms */
  readonly modifiedMs: number
}

export type WalFacts = {
  /** Name of the source whose WAL it is. */
  readonly source: string
  /** The cluster's system identifier, decimal. */
  readonly system: string
  readonly segmentBytes: number
  readonly files: readonly WalFile[]
}

export type BaseFacts = {
  readonly source: string
  readonly system: string
  readonly serverVersion: string
  readonly timeline: number
  readonly segmentBytes: number
  /** Names of the first and the last segment without which it is not consistent; it has them itself. */
  readonly startSegment: string
  readonly endSegment: string
  /** By the server's clock. ms */
  readonly startedMs: number
  readonly finishedMs: number
}

export function walNote({ system, segmentBytes, files }: Omit<WalFacts, 'source'>): Note {
  return {
    system,
    segment_bytes: segmentBytes,
    files: files.map(({ name, bytes, hash, modifiedMs }) => ({ name, bytes, hash, modified: modifiedMs })),
  }
}

export function baseNote(facts: Omit<BaseFacts, 'source'>): Note {
  return {
    server_version: facts.serverVersion,
    system: facts.system,
    timeline: facts.timeline,
    segment_bytes: facts.segmentBytes,
    start_segment: facts.startSegment,
    end_segment: facts.endSegment,
    started: facts.startedMs,
    finished: facts.finishedMs,
  }
}

/** Whether the snapshot is one of archived WAL, however well its facts can be read. */
export function isWal(sources: readonly SnapshotSource[] | undefined): boolean {
  return sources?.some(({ kind }) => kind === WAL_KIND) === true
}

/** `undefined` where the snapshot is none of WAL, or its facts make no sense. */
export function walFactsOf(sources: readonly SnapshotSource[] | undefined): WalFacts | undefined {
  const { name, facts } = sources?.find(({ kind }) => kind === WAL_KIND) ?? {}
  if (name === undefined || facts === undefined) return undefined
  const { system, segment_bytes: segmentBytes, files } = facts
  if (!isSystem(system) || !isSegmentSize(segmentBytes)) return undefined
  if (!Array.isArray(files) || files.length > WAL_FILES_MAX) return undefined
  const read = files.map(walFile)
  if (read.includes(undefined)) return undefined
  return { source: name, system, segmentBytes, files: read.filter((file) => file !== undefined) }
}

function walFile(value: unknown): WalFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { name, bytes, hash, modified }: Partial<Record<string, unknown>> = { ...value }
  if (typeof name !== 'string' || parseWalName(name) === undefined) return undefined
  if (!isCount(bytes) || !isMoment(modified)) return undefined
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) return undefined
  return { name, bytes, hash, modifiedMs: modified }
}

/** Of the base backups in a snapshot that came to their end. */
export function baseFactsOf(sources: readonly SnapshotSource[] | undefined): BaseFacts[] {
  return (sources ?? []).flatMap(({ kind, name, facts }) => {
    if (kind !== BASE_KIND || name === undefined || facts === undefined) return []
    const read = baseFacts(name, facts)
    return read === undefined ? [] : [read]
  })
}

function baseFacts(source: string, facts: Note): BaseFacts | undefined {
  const { system, timeline, started, finished } = facts
  const { segment_bytes: segmentBytes, start_segment: startSegment, end_segment: endSegment } = facts
  if (!isSystem(system) || !isSegmentSize(segmentBytes)) return undefined
  if (!isCount(timeline) || !isMoment(started) || !isMoment(finished)) return undefined
  if (!isSegmentName(startSegment) || !isSegmentName(endSegment)) return undefined
  const serverVersion = typeof facts['server_version'] === 'string' ? facts['server_version'] : ''
  return {
    ...{ source, system, serverVersion, timeline, segmentBytes, startSegment, endSegment },
    ...{ startedMs: started, finishedMs: finished },
  }
}

const isSystem = (value: unknown): value is string => typeof value === 'string' && /^\d{1,20}$/.test(value)
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0
const isMoment = (value: unknown): value is number => Number.isSafeInteger(value)
const isSegmentSize = (value: unknown): value is number => typeof value === 'number' && isSegmentBytes(value)
const isSegmentName = (value: unknown): value is string =>
  typeof value === 'string' && parseWalName(value)?.kind === 'segment'
