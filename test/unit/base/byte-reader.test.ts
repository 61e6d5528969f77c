import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter, decodeText } from '../../../src/base/bytes.ts'
import { codeOf } from '../../support/builders.ts'

const TWO_53 = 2 ** 53

const reading = (bytes: readonly number[], read: (reader: ByteReader) => unknown) =>
  codeOf(() => read(new ByteReader(Uint8Array.from(bytes), 'bytes')))

/** Eight bytes, little-endian. */
const eight = (value: bigint): number[] => [...new Uint8Array(BigInt64Array.of(value).buffer)]

describe('reading bytes', () => {
  it('ends where they end', () => {
    for (const read of ['u8', 'u16', 'u32', 'u64', 'i64', 'varint', 'peekU32'] as const)
      expect(reading([], (reader) => reader[read]())).toBe('OBJECT_DAMAGED')
    expect(reading([1, 2], (reader) => reader.raw(3))).toBe('OBJECT_DAMAGED')
    expect(reading([1, 2], (reader) => reader.zeros(3))).toBe('OBJECT_DAMAGED')
    expect(reading([3, 2], (reader) => reader.bytes(8))).toBe('OBJECT_DAMAGED')
  })

  it('leaves none behind the last field', () => {
    expect(reading([], (reader) => reader.end())).toBeUndefined()
    expect(reading([0], (reader) => reader.end())).toBe('OBJECT_DAMAGED')
  })

  it('takes whole numbers that are exact, and no others', () => {
    expect(reading(eight(BigInt(TWO_53) - 1n), (reader) => reader.u64())).toBeUndefined()
    expect(reading(eight(BigInt(TWO_53)), (reader) => reader.u64())).toBe('OBJECT_DAMAGED')
    expect(reading(eight(-1n), (reader) => reader.u64())).toBe('OBJECT_DAMAGED')
    expect(reading(eight(1n - BigInt(TWO_53)), (reader) => reader.i64())).toBeUndefined()
    for (const value of [BigInt(TWO_53), -BigInt(TWO_53)])
      expect(reading(eight(value), (reader) => reader.i64())).toBe('OBJECT_DAMAGED')
  })

  it('takes a varint in its shortest form, up to the greatest exact number', () => {
    const greatest = [...new ByteWriter().varint(TWO_53 - 1).done()]
    expect(new ByteReader(Uint8Array.from(greatest), 'bytes').varint()).toBe(TWO_53 - 1)
    const one = [...greatest.slice(0, -1), greatest.at(-1)! + 1]
    expect(reading(one, (reader) => reader.varint())).toBe('OBJECT_DAMAGED')
    expect(reading([0x80, 0x00], (reader) => reader.varint())).toBe('OBJECT_DAMAGED')
    expect(reading([...new Array(8).fill(0x80), 1], (reader) => reader.varint())).toBe('OBJECT_DAMAGED')
  })

  it('takes a count within its limit, of things that can follow', () => {
    expect(reading([3, 0, 0, 0], (reader) => reader.count(3))).toBeUndefined()
    expect(reading([3, 0, 0, 0], (reader) => reader.count(2))).toBe('LIMIT_EXCEEDED')
    expect(reading([3, 0, 0, 0], (reader) => reader.bytes(2))).toBe('LIMIT_EXCEEDED')
    expect(reading([3, 0, 0, 0], (reader) => reader.count(3, 2))).toBe('OBJECT_DAMAGED')
  })

  it('takes text in UTF-8 alone, and keeps a byte order mark', () => {
    expect(decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61), 'text')).toBe('\ufeffa')
    expect(codeOf(() => decodeText(Uint8Array.of(0xff), 'text'))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeText(Uint8Array.of(0xed, 0xa0, 0x80), 'text'))).toBe('OBJECT_DAMAGED')
  })
})
