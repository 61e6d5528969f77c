/**
 * Stand-ins for `vi.mock`: a run's buffers, of which a short run uses next to nothing, take less memory, so that many
 * thousand runs take less time. What is written is the same.
 */
import type * as Limits from '../../../src/model/limits.ts'
import type * as SeenModule from '../../../src/workers/seen-table.ts'

const SEEN_ROWS = [1_024, 4_096]
const SEGMENT_BYTES = 65_536

export async function smallLimits(original: () => Promise<typeof Limits>): Promise<object> {
  const sealed = SEGMENT_BYTES + 65_536 + 1_024
  return {
    ...(await original()),
    CHUNK_BYTES_MAX: SEGMENT_BYTES,
    SEGMENT_BYTES_MAX: SEGMENT_BYTES,
    SEGMENT_SEALED_BYTES_MAX: sealed,
  }
}

export async function smallSeenTable(original: () => Promise<typeof SeenModule>): Promise<object> {
  const actual = await original()
  return { ...actual, createSeenMemory: () => actual.createSeenMemory(SEEN_ROWS) }
}
