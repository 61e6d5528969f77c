/** All that the repository has of a source that is a PostgreSQL cluster: base backups, archived WAL, and the histories of its timelines. */
import { validateDetails } from '../../log/details.ts'
import type { SnapshotRow } from '../../manifest/snapshots-table.ts'
import { SnapError, unlessDamaged } from '../../model/errors.ts'
import type { Repository } from '../../repository/repository.ts'
import { dump } from '../dump/dump.ts'
import { type BaseFacts, baseFactsOf, walFactsOf } from './facts.ts'
import { type ArchivedFile, walPath } from './find-archived.ts'
import { HISTORY_BYTES_MAX, parseHistory, type TimelineFork } from './timeline-history.ts'
import { parseWalName } from './wal-name.ts'

export type ArchivedBase = BaseFacts & { readonly snapshot: SnapshotRow }

/** Of one cluster; a source has several where its server was made anew. */
export type WalArchive = {
  /** The system identifier. */
  readonly system: string
  readonly segmentBytes: number
  /** By their names; of several of a name the oldest. */
  readonly files: ReadonlyMap<string, ArchivedFile>
  /** In the order in which they were finished. */
  readonly bases: readonly ArchivedBase[]
}

type Growing = WalArchive & { readonly files: Map<string, ArchivedFile>; readonly bases: ArchivedBase[] }

/** In the order in which they were begun. What is forgotten is not among it. */
export function archivesOf({ manifest }: Pick<Repository, 'manifest'>, source: string): WalArchive[] {
  const archives = new Map<string, Growing>()
  const archiveOf = ({ system, segmentBytes }: Pick<WalArchive, 'system' | 'segmentBytes'>): Growing => {
    const known = archives.get(system)
    if (known !== undefined) return known
    const begun: Growing = { system, segmentBytes, files: new Map(), bases: [] }
    archives.set(system, begun)
    return begun
  }
  for (const snapshot of manifest.snapshots.list().sort((a, b) => a.number - b.number)) {
    const sources = unlessDamaged(() => validateDetails(snapshot.details))?.sources
    for (const base of baseFactsOf(sources))
      if (base.source === source) archiveOf(base).bases.push({ ...base, snapshot })
    const facts = walFactsOf(sources)
    if (facts === undefined || facts.source !== source) continue
    const { system, segmentBytes } = facts
    const { files } = archiveOf(facts)
    for (const file of facts.files)
      if (!files.has(file.name))
        files.set(file.name, { ...file, system, segmentBytes, path: walPath(source, file.name), snapshot })
  }
  for (const { bases } of archives.values()) bases.sort((a, b) => a.finishedMs - b.finishedMs)
  return [...archives.values()]
}

/** By timeline: where those before it ended. `OBJECT_DAMAGED` where one cannot be understood. */
export type Histories = ReadonlyMap<number, readonly TimelineFork[]>

export async function historiesOf(
  repository: Repository,
  { files }: WalArchive,
  signal: AbortSignal,
): Promise<Histories> {
  const histories = new Map<number, readonly TimelineFork[]>()
  for (const file of files.values()) {
    const parsed = parseWalName(file.name)
    if (parsed?.kind !== 'history') continue
    const forks =
      file.bytes > HISTORY_BYTES_MAX ? undefined : parseHistory(await textOf(repository, file, signal))
    if (forks === undefined) throw new SnapError('OBJECT_DAMAGED', `${file.name} is no history of a timeline`)
    histories.set(parsed.timeline, forks)
  }
  return histories
}

async function textOf(repository: Repository, file: ArchivedFile, signal: AbortSignal): Promise<string> {
  const request = { root: file.snapshot.root, path: file.path, archive: 'tar' as const }
  const { bytes } = await dump(repository, request, { progress: () => undefined, signal })
  const parts: Uint8Array[] = []
  for await (const part of bytes) parts.push(part)
  return Buffer.concat(parts).toString('latin1')
}
