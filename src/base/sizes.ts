/** Sizes as people write them on a command line. */
import { SnapError } from '../model/errors.ts'

const UNITS = 'KMGTP'
const KIB = 1024

/** `500`, `16k`, `100M`, `1.5GiB`: bytes; units are powers of 1024. `USAGE` otherwise. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGTP])?(?:i?B)?$/i.exec(text.trim())
  const bytes =
    match === null
      ? Number.NaN
      : Number(match[1]) *
        KIB ** (UNITS.indexOf((match[2] ?? '').toUpperCase()) + (match[2] === undefined ? 0 : 1))
  if (match === null || !Number.isSafeInteger(Math.round(bytes))) {
    throw new SnapError('USAGE', `"${text}" is not a size`, { hint: 'Write it as 500, 16k, 100M or 1.5G.' })
  }
  return match[2] === undefined ? Number(match[1]) : Math.round(bytes)
}
