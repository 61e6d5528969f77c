/** Where a segment lies that was looked up before. */
import type { Manifest } from '../manifest/manifest.ts'
import type { SegmentPlace } from '../manifest/packs-table.ts'
import { SnapError } from '../model/errors.ts'

/** `OBJECT_MISSING` where another process on this manifest has taken the pack out of it since, as a collection does. */
export function segmentPlace({ packs }: Manifest, pack: number, number: number): SegmentPlace {
  const place = packs.segmentOf(pack, number)
  if (place !== undefined) return place
  if (packs.byNo(pack) === undefined) {
    throw new SnapError('OBJECT_MISSING', 'a pack was pruned or set aside while it was read')
  }
  throw new SnapError('MANIFEST_FAILED', 'the manifest lacks a segment that it names')
}
