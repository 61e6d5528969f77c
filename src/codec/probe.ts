/**
 * Guesses from the head of a file whether compressing it is a waste of time. It does not know file names, and a
 * wrong guess costs space or time, never data.
 */

/** Fewer bytes than this say nothing about their distribution. */
const SAMPLE_BYTES_MIN = 512
/** Looked at: this many pieces of this many bytes, spread evenly. */
const PIECES = 4
const PIECE_BYTES = 512
/** In the middle of the head: all ASCII is taken for text, which is most files and no work. */
const TEXT_BYTES = 64
/**
 * How often two sampled bytes are equal, in units of what random bytes give (1/256). Compressed data stays below
 * 1.15, JPEG below 1.3; machine code lies above 3, text above 15.
 */
const COLLISIONS_MAX = 1.3

/** Bytes at an offset that open a compressed format. */
const MAGIC: readonly (readonly [offset: number, bytes: string])[] = [
  [0, '\xff\xd8\xff'], // JPEG
  [0, '\x89PNG\r\n\x1a\n'],
  [0, 'GIF8'],
  [8, 'WEBP'],
  [4, 'ftyp'], // MP4, MOV, HEIC, AVIF
  [0, '\x1a\x45\xdf\xa3'], // Matroska, WebM
  [0, 'OggS'],
  [0, 'ID3'], // MP3
  [0, 'fLaC'],
  [0, 'PK\x03\x04'], // ZIP and what is built on it: JAR, DOCX, APK
  [0, '\x1f\x8b\x08'], // gzip
  [0, 'BZh'],
  [0, '\xfd7zXZ\x00'],
  [0, '\x28\xb5\x2f\xfd'], // zstd
  [0, '\x04\x22\x4d\x18'], // LZ4
  [0, '7z\xbc\xaf\x27\x1c'],
  [0, 'Rar!\x1a\x07'],
  [0, 'LZIP'],
  [0, 'wOFF'],
  [0, 'wOF2'],
]

/**
 * True where `head` (the first bytes of a file, 4 KiB or more tell most) opens like a compressed format, or its
 * bytes and the differences of neighbouring bytes are spread like random ones. Some 10 us.
 */
export function looksIncompressible(head: Uint8Array): boolean {
  return hasMagic(head) || looksRandom(head)
}

/** Those at offset 0, by their first byte. */
const MAGIC_BY_FIRST: readonly (readonly string[] | undefined)[] = Array.from({ length: 256 }, (_, first) => {
  const found = MAGIC.filter(([offset, bytes]) => offset === 0 && bytes.charCodeAt(0) === first)
  return found.length === 0 ? undefined : found.map(([, bytes]) => bytes)
})
const MAGIC_BEHIND = MAGIC.filter(([offset]) => offset > 0)

function hasMagic(head: Uint8Array): boolean {
  const candidates = MAGIC_BY_FIRST[head[0] ?? 0]
  if (candidates?.some((bytes) => holds(head, 0, bytes)) === true) return true
  for (let index = 0; index < MAGIC_BEHIND.length; index += 1) {
    const [offset, bytes] = MAGIC_BEHIND[index] as (typeof MAGIC)[number]
    if (holds(head, offset, bytes)) return true
  }
  return false
}

function holds(head: Uint8Array, offset: number, bytes: string): boolean {
  if (head.length < offset + bytes.length) return false
  for (let i = 0; i < bytes.length; i += 1) {
    if (head[offset + i] !== bytes.charCodeAt(i)) return false
  }
  return true
}

/** Random bytes have no run of `TEXT_BYTES` in ASCII: one in 2^64 does. */
function looksLikeText(head: Uint8Array): boolean {
  const start = (head.length - TEXT_BYTES) >>> 1
  for (let at = start; at < start + TEXT_BYTES; at += 1) {
    if ((head[at] ?? 0) >= 0x80) return false
  }
  return true
}

/** How often each byte, and each difference of neighbours, was seen; used again by every call. */
const values = new Int32Array(256)
const steps = new Int32Array(256)

function looksRandom(head: Uint8Array): boolean {
  if (head.length < SAMPLE_BYTES_MIN || looksLikeText(head)) return false
  values.fill(0)
  steps.fill(0)
  const stride = Math.max(PIECE_BYTES, Math.floor((head.length - PIECE_BYTES) / (PIECES - 1)))
  let sampled = 0
  for (let piece = 0; piece < PIECES; piece += 1) {
    const start = piece * stride
    const end = Math.min(start + PIECE_BYTES, head.length)
    let before = 0
    for (let at = start; at < end; at += 1) {
      const value = head[at] ?? 0
      const step = (value - before) & 0xff
      values[value] = (values[value] ?? 0) + 1
      steps[step] = (steps[step] ?? 0) + 1
      before = value
    }
    sampled += Math.max(0, end - start)
  }
  return isFlat(values, sampled) && isFlat(steps, sampled)
}

/** Counts equal pairs: the Renyi entropy of order two, without a logarithm. */
function isFlat(counts: Int32Array, sampled: number): boolean {
  let pairs = 0
  for (let value = 0; value < counts.length; value += 1) {
    const count = counts[value] ?? 0
    pairs += count * (count - 1)
  }
  return (pairs * 256) / (sampled * (sampled - 1)) < COLLISIONS_MAX
}
