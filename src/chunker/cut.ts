/**
 * Where a chunk ends: the readable reference in plain TypeScript, which `assembly/cut.ts` does faster in WASM;
 * a property test holds the two equal. It is pure and knows nothing of windows or files.
 */
import type { CutRule } from './params.ts'

/** The gear hash of 32 bits forgets a byte after 32 more. */
export const GEAR_WINDOW_BYTES = 32

/**
 * The end of the chunk that starts at `start` in data that ends at `end`: the first place at least `min` and less
 * than `max` bytes on where the gear hash of the 32 bytes before it has no bit in common with the mask (the strict
 * one before `normal`, the easy one from there on); otherwise `max` bytes on, or `end` where that comes first.
 * A result below `end`, or `max` bytes on, does not change when more data follows.
 *
 * Every hash starts 32 bytes before the first place tested, so whether a place can be a cut depends on its 32
 * bytes alone, and two scans of the same data meet at the first cut that both may make.
 */
export function cutPoint(
  data: Uint8Array,
  start: number,
  end: number,
  gear: Uint32Array,
  rule: CutRule,
): number {
  const limit = Math.min(start + rule.max, end)
  if (start + rule.min >= limit) return limit
  const border = Math.min(start + rule.normal, limit)
  const early = scan(data, start + rule.min, border, gear, rule.strictMask)
  if (early < border || border === limit) return early
  return scan(data, border, limit, gear, rule.easyMask)
}

/** The first place in `from` to `to` - 1 whose hash meets the mask, or `to`. */
function scan(data: Uint8Array, from: number, to: number, gear: Uint32Array, mask: number): number {
  let hash = 0
  for (let at = from - GEAR_WINDOW_BYTES; at < from; at += 1) hash = ((hash << 1) + gear[data[at]!]!) | 0
  for (let at = from; at < to; at += 1) {
    if ((hash & mask) === 0) return at
    hash = ((hash << 1) + gear[data[at]!]!) | 0
  }
  return to
}
