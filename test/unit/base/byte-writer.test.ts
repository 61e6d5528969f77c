import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts'

describe('a byte writer', () => {
  it.each<[string, (writer: ByteWriter) => ByteWriter, (reader: ByteReader) => unknown, unknown]>([
    ['u8', (writer) => writer.u8(200), (reader) => reader.u8(), 200],
    ['u16', (writer) => writer.u16(50_000), (reader) => reader.u16(), 50_000],
    ['u32', (writer) => writer.u32(3_000_000_000), (reader) => reader.u32(), 3_000_000_000],
    ['u64', (writer) => writer.u64(2 ** 53 - 1), (reader) => reader.u64(), 2 ** 53 - 1],
    ['i64', (writer) => writer.i64(1 - 2 ** 53), (reader) => reader.i64(), 1 - 2 ** 53],
    ['varint', (writer) => writer.varint(2 ** 53 - 1), (reader) => reader.varint(), 2 ** 53 - 1],
    ['bytes', (writer) => writer.bytes(Uint8Array.of(1, 2, 3)), (reader) => [...reader.bytes(3)], [1, 2, 3]],
    ['zeros', (writer) => writer.zeros(5), (reader) => reader.zeros(5), undefined],
  ])('grows at whatever %s does not fit any more', (_, write, read, value) => {
    for (let before = 0; before < 40; before++) {
      const writer = new ByteWriter(16)
      for (let index = 0; index < before; index++) writer.raw(Uint8Array.of(index))
      const reader = new ByteReader(write(writer).done(), 'test')
      for (let index = 0; index < before; index++) expect(reader.u8()).toBe(index)
      expect(read(reader)).toEqual(value)
      reader.end()
    }
  })
})
