/** A stand-in for `vi.mock`: packs as large as a segment at most, so that the buffers of a backup that needs next to nothing take less time. */
import type * as Limits from '../../../src/model/limits.ts'

export async function smallPacks(original: () => Promise<typeof Limits>): Promise<object> {
  const limits = await original()
  return { ...limits, PACK_BYTES_TARGET: limits.SEGMENT_BYTES_MAX }
}
