/** Packs of which a segment has lost bases: nobody may rely on what they hold, though they are there whole. */
import type { ChunkLocation } from '../manifest/chunks-table.ts'
import type { Manifest } from '../manifest/manifest.ts'
import type { PackRow } from '../manifest/packs-table.ts'
import { CHUNK_ID_BYTES } from '../model/ids.ts'

/**
 * Sets those of `candidates` (absent: of all) aside of which a segment has a base that lies in no pack that can be relied upon,
 * and those that relied on them in turn. Pending ones are forgotten: they are stored again. Returns how many there were.
 */
export function setUndecodableAside(manifest: Manifest, candidates?: readonly PackRow[]): number {
  const concerned = candidates === undefined ? undefined : new Set(candidates.map(({ no }) => no))
  return manifest.transaction(() => {
    for (let count = 0; ; ) {
      const found = manifest.packs
        .withDeltas()
        .filter((no) => concerned?.has(no) !== false)
        .map((no) => manifest.packs.byNo(no))
        .filter((row) => row !== undefined)
        .filter((row) => row.state !== 'quarantined' && !isDecodable(manifest, row))
      if (found.length === 0) return count
      for (const row of found) setAside(manifest, row)
      count += found.length
    }
  })
}

/** For this client alone: another may know where its bases are. */
export function setAside({ packs }: Manifest, { no, state }: PackRow): void {
  if (state === 'pending') packs.remove(no)
  else packs.setState(no, 'quarantined')
}

/**
 * What another run has stored and no entry names yet may never be named: only what the same run stored counts. And that only as far as it
 * came before: whoever names a pack of a run that may be at work still names those before it too, and none that come later.
 */
function isDecodable(manifest: Manifest, { no, state, run }: PackRow): boolean {
  return hasBases(manifest, no, ({ pack, trusted }) => {
    const base = manifest.packs.byNo(pack)
    const isNamed = base?.state === 'live'
    const isNamedTogether =
      base?.state === 'pending' && state === 'pending' && base.run === run && base.no <= no
    return trusted && (isNamed || isNamedTogether)
  })
}

/** Whether every base of every segment of the pack lies, with less depth than that segment, in a place that is usable. */
export function hasBases(
  { packs, chunks }: Manifest,
  no: number,
  isUsable: (place: ChunkLocation) => boolean,
): boolean {
  return packs.deltasOf(no).every((number) => {
    const { bases, depth } = packs.segmentOf(no, number) ?? { bases: new Uint8Array(0), depth: 0 }
    for (let at = 0; at < bases.length; at += CHUNK_ID_BYTES) {
      const places = chunks.locations(bases.subarray(at, at + CHUNK_ID_BYTES))
      if (!places.some((place) => place.depth < depth && isUsable(place))) return false
    }
    return true
  })
}
