/** Padme size classes (Nikitin et al., "Reducing metadata leakage from encrypted files", 2019). Knows only lengths. */
import { assert } from '../base/assert.ts'

/** Everything shorter is this long: small objects look alike. */
export const PADME_BYTES_MIN = 256

/**
 * The size class of `length` bytes (below 2^31): at most 12 % more, and for each power of two only as many
 * classes as its exponent.
 */
export function padmeBytes(length: number): number {
  assert(Number.isInteger(length) && length >= 0 && length < 2 ** 31, `a length to pad: ${length}`)
  if (length <= PADME_BYTES_MIN) return PADME_BYTES_MIN
  const exponent = floorLog2(length)
  const unit = 2 ** (exponent - floorLog2(exponent) - 1)
  return Math.ceil(length / unit) * unit
}

function floorLog2(value: number): number {
  return 31 - Math.clz32(value)
}
