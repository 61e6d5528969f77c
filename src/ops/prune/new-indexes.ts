/**
 * Which index objects go with the packs that go, and the ones that take their place. Index objects that lost none of their
 * packs stay, but many small ones become one.
 */
import type { IndexRow } from '../../manifest/indexes-table.ts'
import type { PackRow } from '../../manifest/packs-table.ts'
import type { IndexId, PackId } from '../../model/ids.ts'
import { INDEX_BYTES_TARGET } from '../../model/limits.ts'
import { IndexWriter, type StoredIndex } from '../../repository/index-writer.ts'
import type { Repository } from '../../repository/repository.ts'
import type { Holdings } from './inventory.ts'

/** Below it an index object is small. */
const SMALL_BYTES = INDEX_BYTES_TARGET / 4
/** So many small ones are merged. */
const SMALL_MIN = 8

export type IndexChange = {
  readonly condemned: readonly IndexId[]
  /** Packs that would be named by no index object in force then, or are named by none yet. */
  readonly renamed: readonly PackRow[]
}

/** `fresh`: packs that no entry names yet. */
export function changeIndexes(
  repository: Repository,
  holdings: Holdings,
  condemned: ReadonlySet<PackId>,
  fresh: readonly PackRow[],
): IndexChange {
  const { manifest, log } = repository
  const inForce = manifest.indexes.list('live').filter(({ id }) => log.state.indexes.has(id))
  const rows = new Map(manifest.packs.list().map((row) => [row.no, row]))
  const packsOf = (index: IndexRow): PackRow[] =>
    manifest.indexes
      .packsOf(index.id)
      .map((no) => rows.get(no))
      .filter((row) => row !== undefined)
  const isGone = (row: PackRow): boolean => condemned.has(row.id)
  const isLate = (id: IndexId): boolean => (log.state.indexes.get(id)?.number ?? 0) >= holdings.logNext
  const isWhole = ({ id, bytes }: IndexRow): boolean =>
    holdings.indexes.get(id)?.bytes === bytes || isLate(id)
  // What a GC entry names is believed: packs that only their writer vouches for stay where they were named.
  const mayGo = (index: IndexRow): boolean => packsOf(index).every((row) => row.trusted || isGone(row))
  const affected = inForce.filter((index) => !isWhole(index) || packsOf(index).some(isGone)).filter(mayGo)
  const chosen = new Set(affected)
  const small = inForce.filter((index) => index.bytes < SMALL_BYTES && !chosen.has(index) && mayGo(index))
  if (small.length + affected.length >= SMALL_MIN) for (const index of small) chosen.add(index)
  const renamed = new Map(fresh.map((row) => [row.no, row]))
  for (const index of chosen) for (const row of packsOf(index)) if (!isGone(row)) renamed.set(row.no, row)
  return { condemned: [...chosen].map(({ id }) => id), renamed: [...renamed.values()] }
}

/** Stores index objects that name these packs; durable when it returns. */
export async function writeIndexes(
  repository: Repository,
  packs: readonly PackRow[],
): Promise<readonly StoredIndex[]> {
  const { storage, id: repositoryId, keys, random, manifest } = repository
  const writer = new IndexWriter({ storage, repository: repositoryId, indexKey: keys.indexKey, random })
  for (const { no, id, kind, bytes } of packs) {
    await writer.add({ id, kind, bytes, segments: manifest.packs.tableOf(no) })
  }
  return writer.finish()
}
