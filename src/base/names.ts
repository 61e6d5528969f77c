/**
 * Names of files between bytes and strings: every byte that is not part of valid UTF-8 stands in the string as the
 * lone surrogate U+DC00 + byte (PEP 383, "surrogateescape"), so that any name fits and comes back exactly. Knows
 * nothing of directories or of what a name may contain.
 */

const ESCAPE = 0xdc00
const SURROGATE_MIN = 0xd800
const REPLACEMENT = '\ufffd'

type MaybeWellFormed = { isWellFormed(): boolean }

/** True where `name` holds no lone surrogate, so that its plain UTF-8 is its bytes. Constant time for Latin-1 strings. */
export function isWellFormed(name: string): boolean {
  return (name as unknown as MaybeWellFormed).isWellFormed()
}

/**
 * The bytes that `name` stands for. For every `bytes`, `nameBytes(nameFromBytes(bytes))` equals `bytes`. A surrogate that no name
 * decodes to (a lone one outside U+DC80 to U+DCFF) becomes U+FFFD.
 */
export function nameBytes(name: string): Uint8Array {
  return isWellFormed(name) ? Buffer.from(name, 'utf8') : escapedBytes(name, 0)
}

/** What Node's `fs` takes for `path`: the string itself where it is valid Unicode, else its bytes. */
export function systemPath(path: string): string | Buffer {
  return isWellFormed(path) ? path : escapedBytes(path, 0)
}

/** The bytes of `name` with a NUL behind them, as C wants them. The caller owns them. */
export function terminatedNameBytes(name: string): Buffer {
  return escapedBytes(name, 1)
}

function escapedBytes(name: string, zeros: number): Buffer {
  const bytes = Buffer.alloc(name.length * 3 + zeros)
  let length = 0
  let from = 0
  for (let index = 0; index < name.length; index++) {
    const unit = name.charCodeAt(index)
    if (unit < SURROGATE_MIN || unit > 0xdfff) continue
    if (unit < ESCAPE && isLowSurrogate(name, index + 1)) {
      index++
    } else if (unit >= ESCAPE + 0x80 && unit <= ESCAPE + 0xff) {
      length += bytes.write(name.slice(from, index), length, 'utf8')
      bytes[length++] = unit - ESCAPE
      from = index + 1
    }
  }
  length += bytes.write(name.slice(from), length, 'utf8')
  bytes.fill(0, length, length + zeros)
  return bytes.subarray(0, length + zeros)
}

function isLowSurrogate(name: string, index: number): boolean {
  const unit = index < name.length ? name.charCodeAt(index) : 0
  return unit >= 0xdc00 && unit <= 0xdfff
}

/** The string for `bytes`; the bytes are not kept. */
export function nameFromBytes(bytes: Uint8Array): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const text = view.toString('utf8')
  return text.includes(REPLACEMENT) ? unescaped(view) : text
}

/** As Node decodes, but invalid bytes are kept instead of replaced. */
function unescaped(bytes: Buffer): string {
  let name = ''
  let valid = 0
  let index = 0
  while (index < bytes.length) {
    const length = sequenceLength(bytes, index)
    if (length > 0) {
      index += length
      continue
    }
    name += bytes.toString('utf8', valid, index) + String.fromCharCode(ESCAPE + (bytes[index] ?? 0))
    index++
    valid = index
  }
  return name + bytes.toString('utf8', valid)
}

/** Bytes of the well-formed UTF-8 sequence at `at` (Unicode standard, table 3-7), or 0 where there is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at] ?? 0
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const second = bytes[at + 1] ?? 0
  if (lead < 0xe0) return isTail(second) ? 2 : 0
  if (lead < 0xf0) {
    const low = lead === 0xe0 ? 0xa0 : 0x80
    const high = lead === 0xed ? 0x9f : 0xbf
    return second >= low && second <= high && isTail(bytes[at + 2]) ? 3 : 0
  }
  const low = lead === 0xf0 ? 0x90 : 0x80
  const high = lead === 0xf4 ? 0x8f : 0xbf
  return second >= low && second <= high && isTail(bytes[at + 2]) && isTail(bytes[at + 3]) ? 4 : 0
}

function isTail(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

/**
 * Orders names by their bytes (negative, 0, positive), as the stored trees do. Below the surrogates the order of
 * UTF-16 is the order of UTF-8, so nothing is encoded for most names.
 */
export function compareNames(a: string, b: string): number {
  const shared = Math.min(a.length, b.length)
  for (let index = 0; index < shared; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left === right) continue
    if (left < SURROGATE_MIN && right < SURROGATE_MIN) return left - right
    return Buffer.compare(nameBytes(a), nameBytes(b))
  }
  return a.length - b.length
}
