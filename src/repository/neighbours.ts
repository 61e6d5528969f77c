/** Which parts of a pack are fetched together: a read costs more than the bytes of a small gap. It reads nothing. */
import type { SealedPlace } from '../workers/bases.ts'

/** Parts closer than this are fetched with one read. */
const GAP_BYTES_MAX = 262_144

/** `parts`, whose places rise, in runs that one read each is to fetch; none is empty. */
export function neighbours<Part>(
  parts: readonly Part[],
  placeOf: (part: Part) => SealedPlace,
): { readonly parts: readonly Part[]; readonly range: SealedPlace }[] {
  const runs: { parts: Part[]; offset: number; end: number }[] = []
  for (const part of parts) {
    const { offset, bytes } = placeOf(part)
    const run = runs.at(-1)
    if (run !== undefined && offset - run.end <= GAP_BYTES_MAX) {
      run.parts.push(part)
      run.end = offset + bytes
    } else runs.push({ parts: [part], offset, end: offset + bytes })
  }
  return runs.map(({ parts: together, offset, end }) => ({
    parts: together,
    range: { offset, bytes: end - offset },
  }))
}
