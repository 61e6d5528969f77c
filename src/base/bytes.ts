/**
 * The writer and the reader of every binary layout: little-endian, LEB128 varints, length-prefixed bytes.
 * The reader checks every bound and reports a breach as `OBJECT_DAMAGED`, so decoders of hostile bytes need no
 * length checks of their own.
 */
import { SnapError } from '../model/errors.ts'
import { assert } from './assert.ts'

const VARINT_BYTES_MAX = 8

/** Grows as needed; `done()` hands out what was written. */
export class ByteWriter {
  #bytes: Buffer<ArrayBuffer>
  #view: DataView<ArrayBuffer>
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(16, capacity))
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  /** Where `count` bytes may be written. It may replace `#bytes` and `#view`: call it before they are read. */
  #room(count: number): number {
    const at = this.#length
    const end = at + count
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#bytes.length * 2))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    this.#length = end
    return at
  }

  u8(value: number): this {
    assert(isUnsigned(value, 0xff), 'a u8 is a whole number of one byte')
    const at = this.#room(1)
    this.#view.setUint8(at, value)
    return this
  }

  u16(value: number): this {
    assert(isUnsigned(value, 0xffff), 'a u16 is a whole number of two bytes')
    const at = this.#room(2)
    this.#view.setUint16(at, value, true)
    return this
  }

  u32(value: number): this {
    assert(isUnsigned(value, 0xffff_ffff), 'a u32 is a whole number of four bytes')
    const at = this.#room(4)
    this.#view.setUint32(at, value, true)
    return this
  }

  /** A whole number up to 2^53 - 1 in eight bytes. */
  u64(value: number): this {
    // The message is constant here and below: an interpolated one would be built at every call.
    assert(isUnsigned(value, Number.MAX_SAFE_INTEGER), 'a u64 is a whole number up to 2^53 - 1')
    const at = this.#room(8)
    this.#view.setUint32(at, value % 0x1_0000_0000, true)
    this.#view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true)
    return this
  }

  /** A signed whole number within +-(2^53 - 1) in eight bytes. */
  i64(value: number): this {
    assert(Number.isSafeInteger(value), 'an i64 is a whole number within 2^53 - 1')
    const at = this.#room(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#view.setUint32(at, value - high * 0x1_0000_0000, true)
    this.#view.setInt32(at + 4, high, true)
    return this
  }

  varint(value: number): this {
    assert(isUnsigned(value, Number.MAX_SAFE_INTEGER), 'a varint is a whole number up to 2^53 - 1')
    let rest = value
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    return this.u8(rest)
  }

  /** The bytes as they are; copied. */
  raw(bytes: Uint8Array): this {
    const at = this.#room(bytes.length)
    this.#bytes.set(bytes, at)
    return this
  }

  /** Length as varint, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes)
  }

  zeros(count: number): this {
    const at = this.#room(count)
    this.#bytes.fill(0, at, at + count)
    return this
  }

  /** Overwrites four bytes that were written before. */
  patchU32(at: number, value: number): this {
    assert(at + 4 <= this.#length, 'patch within what was written')
    assert(isUnsigned(value, 0xffff_ffff), 'a u32 is a whole number of four bytes')
    this.#view.setUint32(at, value, true)
    return this
  }

  /** A copy of what was written, in an ArrayBuffer of its own. */
  done(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#bytes.subarray(0, this.#length))
  }

  /** A view of what was written, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length)
  }

  /** Forgets what was written; the memory is used again. */
  clear(): void {
    this.#length = 0
  }
}

function isUnsigned(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max
}

/** Reads a view; hands out views (no copies) of the bytes given. */
export class ByteReader {
  readonly #bytes: Buffer
  readonly #what: string
  #at: number

  /** `what` names the object in errors. */
  constructor(bytes: Uint8Array, what: string, at = 0) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
    this.#at = at
  }

  get position(): number {
    return this.#at
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  fail(why: string): never {
    throw new SnapError('OBJECT_DAMAGED', `${this.#what}: ${why} (at byte ${this.#at})`)
  }

  #take(count: number): number {
    const at = this.#at
    if (count > this.#bytes.length - at) this.fail(`${count} bytes expected, ${this.left} left`)
    this.#at = at + count
    return at
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#take(1))
  }

  u16(): number {
    return this.#bytes.readUInt16LE(this.#take(2))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#take(4))
  }

  /** What the next `u32` will give. */
  peekU32(): number {
    const value = this.u32()
    this.#at -= 4
    return value
  }

  u64(): number {
    const at = this.#take(8)
    const value = this.#bytes.readUInt32LE(at + 4) * 0x1_0000_0000 + this.#bytes.readUInt32LE(at)
    return Number.isSafeInteger(value) ? value : this.fail('a number above 2^53')
  }

  i64(): number {
    const at = this.#take(8)
    const value = this.#bytes.readInt32LE(at + 4) * 0x1_0000_0000 + this.#bytes.readUInt32LE(at)
    return Number.isSafeInteger(value) ? value : this.fail('a number beyond 2^53')
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let index = 0; index < VARINT_BYTES_MAX; index++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && index > 0) this.fail('a varint is not in its shortest form')
        return Number.isSafeInteger(value) ? value : this.fail('a varint above 2^53')
      }
      scale *= 0x80
    }
    return this.fail('a varint is too long')
  }

  /** A count of things of at least `bytesEach` bytes: more than can follow is refused before anything is allocated. */
  count(max: number, bytesEach = 1): number {
    const value = this.varint()
    if (value > max)
      throw new SnapError('LIMIT_EXCEEDED', `${this.#what}: a count of ${value} is above the limit of ${max}`)
    if (value * bytesEach > this.left) this.fail(`a count of ${value} with ${this.left} bytes left`)
    return value
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count)
    return this.#bytes.subarray(at, at + count)
  }

  bytes(max: number): Uint8Array {
    return this.raw(this.count(max))
  }

  zeros(count: number): void {
    for (const byte of this.raw(count)) if (byte !== 0) this.fail('reserved bytes are not zero')
  }

  end(): void {
    if (this.left !== 0) this.fail(`${this.left} bytes too many`)
  }
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Strict UTF-8; `OBJECT_DAMAGED` otherwise. */
export function decodeText(bytes: Uint8Array, what: string): string {
  try {
    return UTF8.decode(bytes)
  } catch (cause) {
    throw new SnapError('OBJECT_DAMAGED', `${what} is not UTF-8`, { cause })
  }
}

export function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8')
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Takes hex that was checked before (ids). */
export function fromHex(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'hex')
  assert(bytes.length * 2 === text.length, 'hex digits')
  return bytes
}
