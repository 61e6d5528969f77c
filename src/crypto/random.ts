/** The system's random generator behind the `Random` port, and a comparison that takes the same time whatever differs. */
import { randomFillSync, timingSafeEqual } from 'node:crypto'
import type { Random } from '../model/clock.ts'

export const systemRandom: Random = {
  bytes: (count) => randomFillSync(new Uint8Array(count)),
}

/** The lengths are not secret: different lengths are unequal at once. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
