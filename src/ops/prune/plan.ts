/**
 * What becomes of each pack: kept, condemned because nothing in it is needed, or written anew because much of it is not. A
 * pure function of how much is needed where; it reads nothing.
 */
import type { PackRow } from '../../manifest/packs-table.ts'
import type { PackKind, SegmentRow } from '../../model/pack-table.ts'
import type { ChunkBits } from './live-chunks.ts'

/** A pack below this share of a full one is small. */
const SMALL_SHARE = 1 / 4
/** So many small packs of a kind are merged; fewer are left, or each run would write them anew. */
const SMALL_PACKS_MIN = 8

export type PackUse = {
  readonly row: PackRow
  readonly chunks: number
  readonly neededChunks: number
  /** Stored bytes of what is needed: of a segment in proportion to its plaintext. */
  readonly neededBytes: number
}

export type PlanOptions = {
  /** A pack is written anew where a larger share of it is not needed; 0 to 1. */
  readonly unusedShareMax: number
  /** Stored bytes of packs that are written anew in one run, at most. */
  readonly repackBytesMax: number
  /** Absent: all may be. A pack that cannot be copied stays as long as something in it is needed. */
  readonly mayCopy?: (pack: PackUse) => boolean
  /** A pack that is written anew whatever its unused share. */
  readonly mustGo?: (pack: PackUse) => boolean
  /** Bytes of a full pack of each kind. */
  readonly fullBytes: Readonly<Record<PackKind, number>>
}

export type PrunePlan = {
  readonly kept: readonly PackUse[]
  /** Nothing in them is needed. */
  readonly dead: readonly PackUse[]
  /** What is needed of them is copied; then they go. The least needed first. */
  readonly repacked: readonly PackUse[]
}

/** `bits`: of the chunks that are needed. */
export function usePack(row: PackRow, table: readonly SegmentRow[], bits: ChunkBits | undefined): PackUse {
  let chunks = 0
  let neededChunks = 0
  let neededBytes = 0
  for (const { plain, sealed, chunkLengths } of table) {
    let needed = 0
    for (const length of chunkLengths) {
      if (bits?.has(chunks) === true) {
        needed += length
        neededChunks += 1
      }
      chunks += 1
    }
    neededBytes += Math.round((sealed * needed) / plain)
  }
  return { row, chunks, neededChunks, neededBytes }
}

/** Packs that were set aside are written anew as far as they can be read: nothing may rely on them as they are. */
export function planPrune(packs: readonly PackUse[], options: PlanOptions): PrunePlan {
  const dead = packs.filter(({ neededChunks }) => neededChunks === 0)
  const used = packs.filter(({ neededChunks }) => neededChunks > 0)
  const copyable = used.filter((pack) => options.mayCopy?.(pack) !== false)
  const candidates = copyable
    .filter(
      (pack) =>
        pack.row.state === 'quarantined' ||
        unusedShare(pack) > options.unusedShareMax ||
        options.mustGo?.(pack) === true,
    )
    .sort((a, b) => unusedShare(b) - unusedShare(a))
  const chosen = new Set(candidates)
  const small = (['data', 'tree'] as const).flatMap((kind) =>
    mergeable(
      copyable.filter((pack) => pack.row.kind === kind && pack.row.state === 'live'),
      options.fullBytes[kind],
      chosen,
    ),
  )
  const repacked = within([...candidates, ...small], options.repackBytesMax)
  const gone = new Set(repacked)
  return { kept: used.filter((pack) => !gone.has(pack)), dead, repacked }
}

/** Of the bytes of a pack: padding and footer are not counted as unused. */
function unusedShare({ row, chunks, neededChunks, neededBytes }: PackUse): number {
  return neededChunks === chunks ? 0 : Math.max(0, 1 - neededBytes / row.bytes)
}

function mergeable(
  packs: readonly PackUse[],
  fullBytes: number,
  chosen: ReadonlySet<PackUse>,
): readonly PackUse[] {
  const small = packs.filter((pack) => pack.row.bytes < fullBytes * SMALL_SHARE)
  return small.length < SMALL_PACKS_MIN ? [] : small.filter((pack) => !chosen.has(pack))
}

function within(packs: readonly PackUse[], bytesMax: number): PackUse[] {
  const taken: PackUse[] = []
  let bytes = 0
  for (const pack of packs) {
    if (bytes + pack.row.bytes > bytesMax) continue
    bytes += pack.row.bytes
    taken.push(pack)
  }
  return taken
}
