/** Sizes as people write and read them. */
import { SnapError } from '../model/errors.ts'

const UNITS = 'KMGTP'
const KIB = 1024
const BINARY_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

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

/** `0 B`, `1023 B`, `1.0 KiB`, `12.3 MiB`, `1.00 GiB` ...: one digit after the point, two from GiB up. */
export function humanBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  const rounded = (): number => Number(value.toFixed(unit >= 3 ? 2 : 1))
  while (unit < BINARY_UNITS.length - 1 && rounded() >= KIB) {
    value /= KIB
    unit++
  }
  return unit === 0 ? `${Math.round(value)} B` : `${value.toFixed(unit >= 3 ? 2 : 1)} ${BINARY_UNITS[unit]}`
}
