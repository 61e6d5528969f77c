/** Reads the integers and byte strings of `docs/format.md` from a buffer. Knows no object. */

/** What the document forbids was found. */
export class FormatViolation extends Error {}

/** Not damage: what must stop a reader of this version. */
export class NewerFormat extends Error {}

export function violation(message: string): never {
  throw new FormatViolation(message)
}

export class Cursor {
  readonly bytes: Buffer
  at = 0

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** A view of the next `count` bytes. */
  take(count: number): Buffer {
    if (count > this.bytes.length - this.at) violation(`${count} bytes are missing at offset ${this.at}`)
    this.at += count
    return this.bytes.subarray(this.at - count, this.at)
  }

  u8(): number {
    return this.take(1).readUInt8()
  }

  u16(): number {
    return this.take(2).readUInt16LE()
  }

  u32(): number {
    return this.take(4).readUInt32LE()
  }

  u64(): bigint {
    const value = this.take(8).readBigUInt64LE()
    return value < 2n ** 53n ? value : violation(`${value} is above 2^53`)
  }

  i64(): bigint {
    const value = this.take(8).readBigInt64LE()
    return value < 2n ** 53n && value > -(2n ** 53n) ? value : violation(`${value} is beyond 2^53`)
  }

  size(): number {
    return Number(this.u64())
  }

  varint(): number {
    let value = 0
    for (let index = 0; index < 8; index++) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** (7 * index)
      if (byte < 0x80) {
        if (byte === 0 && index > 0) violation('a varint is not in its shortest form')
        return value <= Number.MAX_SAFE_INTEGER ? value : violation('a varint has more than 53 bits')
      }
    }
    return violation('a varint has more than 8 bytes')
  }

  varBytes(most = Number.POSITIVE_INFINITY): Buffer {
    const count = this.varint()
    return count <= most ? this.take(count) : violation(`${count} bytes, where at most ${most} are allowed`)
  }

  text(most: number): string {
    return utf8(this.varBytes(most))
  }

  /** A counted list; `least` is the smallest number of bytes an element can have. */
  list<T>(least: number, element: () => T): T[] {
    const count = this.varint()
    if (count * least > this.bytes.length - this.at) violation(`a list of ${count} does not fit`)
    return Array.from({ length: count }, element)
  }

  zeros(count: number, what: string): void {
    if (this.take(count).some((byte) => byte !== 0)) violation(`${what} is not zero`)
  }

  rest(): Buffer {
    return this.take(this.bytes.length - this.at)
  }

  end(what: string): void {
    if (this.at !== this.bytes.length)
      violation(`${this.bytes.length - this.at} bytes are left over after ${what}`)
  }
}

export function utf8(bytes: Buffer): string {
  const text = bytes.toString('utf8')
  return Buffer.from(text, 'utf8').equals(bytes) ? text : violation('a text is not UTF-8')
}
