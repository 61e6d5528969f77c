/**
 * Reads a tar archive as it comes, in the form that POSIX calls ustar, with GNU's sizes above 8 GiB. Every header's checksum is checked.
 * Knows nothing of what lies in it.
 *
 * | offset | bytes | field of a header |
 * | --- | --- | --- |
 * | 0 | 100 | name |
 * | 100 | 8 | mode, octal |
 * | 124 | 12 | size, octal; or 0x80 and the number, big-endian |
 * | 148 | 8 | sum of all bytes of the header, these taken as spaces; octal |
 * | 156 | 1 | type: `0` or NUL a file, `2` a link, `5` a directory |
 * | 157 | 100 | where a link leads |
 * | 345 | 155 | what comes before the name and a slash |
 */

export type TarMember = {
  /** As the archive has it: whoever makes a path of it checks it. */
  readonly name: string
  readonly type: 'file' | 'directory' | 'link'
  /** Bytes; 0 for all but files. */
  readonly size: number
  /** Permissions. */
  readonly mode: number
  readonly target: string
}

/** The beginning of a member, or the next bytes of the last one, which are not to be kept. */
export type TarEvent = { readonly member: TarMember } | { readonly data: Uint8Array }

const BLOCK_BYTES = 512
/** Of a file that is declared. */
const SIZE_MAX = 2 ** 46

export class TarParser {
  readonly #block = new Uint8Array(BLOCK_BYTES)
  #filled = 0
  /** Of the member under way: its bytes, and what fills its last block. */
  #dataLeft = 0
  #paddingLeft = 0
  #zeroBlocks = 0

  /** Throws an `Error` where what came is not a whole archive, up to the two empty blocks at its end. */
  finish(): void {
    if (this.#zeroBlocks < 2 || this.#filled > 0)
      throw new Error('the archive is cut short: its end is missing')
  }

  /** Throws an `Error` where the bytes are no archive. */
  *push(bytes: Uint8Array): Generator<TarEvent> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#dataLeft > 0) {
        const data = bytes.subarray(at, at + this.#dataLeft)
        this.#dataLeft -= data.length
        at += data.length
        yield { data }
      } else if (this.#paddingLeft > 0) {
        const padding = Math.min(this.#paddingLeft, bytes.length - at)
        this.#paddingLeft -= padding
        at += padding
      } else {
        const part = bytes.subarray(at, at + BLOCK_BYTES - this.#filled)
        this.#block.set(part, this.#filled)
        this.#filled += part.length
        at += part.length
        if (this.#filled === BLOCK_BYTES) yield* this.#header()
      }
    }
  }

  *#header(): Generator<TarEvent> {
    this.#filled = 0
    const block = this.#block
    if (block.every((byte) => byte === 0)) {
      this.#zeroBlocks += 1
      return
    }
    if (this.#zeroBlocks > 0) throw new Error('the archive goes on behind its end')
    const member = readHeader(block)
    this.#dataLeft = member.size
    this.#paddingLeft = (BLOCK_BYTES - (member.size % BLOCK_BYTES)) % BLOCK_BYTES
    yield { member }
  }
}

function readHeader(block: Uint8Array): TarMember {
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 0x20 : byte), 0)
  if (octal(block, 148, 8) !== sum) throw new Error('the archive is damaged: a header does not add up')
  const prefix = text(block, 345, 155)
  const name = `${prefix === '' ? '' : `${prefix}/`}${text(block, 0, 100)}`
  const type = typeOf(block[156] ?? 0)
  if (type === undefined)
    throw new Error(`the archive has ${JSON.stringify(name)} of a type that is not known`)
  const size = type === 'file' ? sizeIn(block) : 0
  if (!Number.isSafeInteger(size) || size < 0 || size > SIZE_MAX)
    throw new Error(`the archive is damaged: ${JSON.stringify(name)} has no size`)
  return { name, type, size, mode: octal(block, 100, 8) & 0o7777, target: text(block, 157, 100) }
}

function typeOf(byte: number): TarMember['type'] | undefined {
  if (byte === 0 || byte === 0x30) return 'file'
  if (byte === 0x32) return 'link'
  return byte === 0x35 ? 'directory' : undefined
}

function sizeIn(block: Uint8Array): number {
  const field = block.subarray(124, 136)
  if (field[0] !== 0x80) return octal(block, 124, 12)
  return field.subarray(1).reduce((value, byte) => value * 256 + byte, 0)
}

/** NaN where there is no number. */
function octal(block: Uint8Array, at: number, bytes: number): number {
  const digits = text(block, at, bytes).trim()
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN
}

function text(block: Uint8Array, at: number, bytes: number): string {
  const field = block.subarray(at, at + bytes)
  const end = field.indexOf(0)
  return Buffer.from(end < 0 ? field : field.subarray(0, end)).toString('utf8')
}
