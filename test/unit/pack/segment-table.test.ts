import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts'
import { packId } from '../../../src/model/ids.ts'
import { SEGMENT_BYTES_MAX, SEGMENT_SEALED_BYTES_MAX } from '../../../src/model/limits.ts'
import type { PackTable, SegmentRow } from '../../../src/model/pack-table.ts'
import { decodeIndex, encodeIndex, indexBytes } from '../../../src/pack/index-object.ts'
import { readSegmentTable, writeSegmentTable } from '../../../src/pack/segment-table.ts'
import { Chance, codeOf, mutated, survives } from '../../support/builders.ts'

const MIB = 1_048_576

function row(chance: Chance, chunks = chance.between(1, 20), depth = chance.int(9)): SegmentRow {
  const chunkLengths = Uint32Array.from({ length: chunks }, () => chance.between(1, Math.floor(MIB / chunks)))
  return {
    sealed: chance.between(24, MIB + 65_536 + 1024),
    plain: chunkLengths.reduce((sum, length) => sum + length, 0),
    depth,
    bases: depth === 0 ? new Uint8Array(0) : chance.bytes(32 * chance.between(1, 5)),
    chunkLengths,
    chunkIds: chance.bytes(chunks * 32),
  }
}

function packTable(chance: Chance, segments = chance.between(0, 5)): PackTable {
  const rows = Array.from({ length: segments }, () => row(chance))
  return {
    id: packId(Buffer.from(chance.bytes(16)).toString('hex')),
    kind: chance.int(2) === 0 ? 'data' : 'tree',
    bytes: 208 + rows.reduce((sum, { sealed }) => sum + sealed, 0),
    segments: rows,
  }
}

function tableOf(rows: readonly SegmentRow[], withIds: boolean): Uint8Array {
  const writer = new ByteWriter()
  writeSegmentTable(writer, rows, withIds)
  return writer.done()
}

function readAll(bytes: Uint8Array, withIds: boolean): SegmentRow[] {
  const reader = new ByteReader(bytes, 'table')
  const rows = readSegmentTable(reader, withIds)
  reader.end()
  return rows
}

describe('a segment table', () => {
  it('comes back, with ids and without', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 8 }), (seed, count) => {
        const chance = new Chance(seed)
        const rows = Array.from({ length: count }, () => row(chance))
        expect(readAll(tableOf(rows, true), true)).toEqual(rows)
        const withoutIds = rows.map((each) => ({ ...each, chunkIds: new Uint8Array(0) }))
        expect(readAll(tableOf(rows, false), false)).toEqual(withoutIds)
      }),
    )
  })

  it('hands out copies: the rows outlive the bytes', () => {
    const chance = new Chance(9)
    const rows = [row(chance, 4, 2)]
    const bytes = tableOf(rows, true)
    const read = readAll(bytes, true)
    bytes.fill(0)
    expect(read).toEqual(rows)
  })

  const good = row(new Chance(4), 3, 2)

  it.each<[string, Partial<SegmentRow>]>([
    ['a sealed length above the limit', { sealed: SEGMENT_SEALED_BYTES_MAX + 1 }],
    ['a sealed length without room for tag and header', { sealed: 23 }],
    ['a depth of nine', { depth: 9 }],
    ['257 bases', { bases: new Uint8Array(257 * 32) }],
    ['no bytes', { plain: 0, chunkLengths: Uint32Array.of(), chunkIds: new Uint8Array(0) }],
    ['a chunk of no bytes', { plain: 5, chunkLengths: Uint32Array.of(0, 5), chunkIds: new Uint8Array(64) }],
    [
      'a chunk above 1 MiB',
      { plain: MIB, chunkLengths: Uint32Array.of(MIB + 1), chunkIds: new Uint8Array(32) },
    ],
    [
      'more plaintext than a segment may have',
      {
        plain: SEGMENT_BYTES_MAX + 1,
        chunkLengths: Uint32Array.of(MIB, MIB, 1),
        chunkIds: new Uint8Array(96),
      },
    ],
  ])('with %s is refused', (_, change) => {
    for (const withIds of [true, false]) {
      expect(codeOf(() => readAll(tableOf([{ ...good, ...change }], withIds), withIds))).toBe(
        'LIMIT_EXCEEDED',
      )
    }
  })

  it.each<[string, Partial<SegmentRow>]>([
    ['bases but no depth', { depth: 0 }],
    ['depth but no bases', { bases: new Uint8Array(0) }],
    ['lengths that add up to less', { plain: good.plain + 1 }],
    ['lengths that add up to more', { plain: good.plain - 1 }],
    ['bytes but no chunks', { chunkLengths: Uint32Array.of(), chunkIds: new Uint8Array(0) }],
  ])('with %s is refused', (_, change) => {
    for (const withIds of [true, false]) {
      expect(codeOf(() => readAll(tableOf([{ ...good, ...change }], withIds), withIds))).toBe(
        'OBJECT_DAMAGED',
      )
    }
  })

  it('takes 65,535 segments and not one more', () => {
    const tiny = { ...row(new Chance(5), 1, 0), sealed: 25, plain: 1, chunkLengths: Uint32Array.of(1) }
    const rows = new Array<SegmentRow>(65_535).fill(tiny)
    expect(readAll(tableOf(rows, false), false)).toHaveLength(65_535)
    expect(codeOf(() => readAll(tableOf([...rows, tiny], false), false))).toBe('LIMIT_EXCEEDED')
  })

  it('that promises more than follows is refused before memory is taken for it', () => {
    const header = new ByteWriter().varint(1).varint(100).varint(MIB).varint(0).varint(0)
    const bytes = header.varint(MIB).zeros(1000).done()
    const before = process.memoryUsage().arrayBuffers
    for (let times = 0; times < 100; times++)
      expect(codeOf(() => readAll(bytes, true))).toBe('OBJECT_DAMAGED')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB)
  })
})

describe('an index object', () => {
  it('comes back', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 6 }), (seed, count) => {
        const chance = new Chance(seed)
        const packs = Array.from({ length: count }, () => packTable(chance))
        expect(decodeIndex(encodeIndex(packs), 'index')).toEqual(packs)
      }),
    )
  })

  it('is as large as estimated, within a fifth', () => {
    const chance = new Chance(6)
    for (let times = 0; times < 50; times++) {
      const pack = packTable(chance, chance.between(1, 60))
      const bytes = encodeIndex([pack]).length
      expect(indexBytes(pack)).toBeGreaterThanOrEqual(bytes - 8)
      expect(indexBytes(pack)).toBeLessThan(bytes * 1.2 + 24)
    }
  })

  it('is refused with an unknown kind of pack, a pack above 64 MiB, or bytes behind it', () => {
    const pack = packTable(new Chance(7), 1)
    const bytes = encodeIndex([pack])
    const kind = bytes.slice()
    kind[17] = 3
    expect(codeOf(() => decodeIndex(kind, 'index'))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => decodeIndex(encodeIndex([{ ...pack, bytes: 67_108_865 }]), 'index'))).toBe(
      'LIMIT_EXCEEDED',
    )
    expect(codeOf(() => decodeIndex(Buffer.concat([bytes, new Uint8Array(1)]), 'index'))).toBe(
      'OBJECT_DAMAGED',
    )
    expect(codeOf(() => decodeIndex(new Uint8Array(16_777_217), 'index'))).toBe('LIMIT_EXCEEDED')
  })

  it('is refused where its segments do not fit in the pack', () => {
    const pack = packTable(new Chance(8), 2)
    expect(codeOf(() => decodeIndex(encodeIndex([pack]), 'index'))).toBeUndefined()
    expect(codeOf(() => decodeIndex(encodeIndex([{ ...pack, bytes: pack.bytes - 1 }]), 'index'))).toBe(
      'OBJECT_DAMAGED',
    )
  })
})

describe('hostile tables', () => {
  it('are decoded or refused, at once', () => {
    const chance = new Chance(10)
    const rows = Array.from({ length: 6 }, () => row(chance))
    for (const withIds of [true, false]) {
      const valid = tableOf(rows, withIds)
      const outcome = survives(
        20_000,
        (index) => (index % 3 === 2 ? chance.bytes(chance.int(120)) : mutated(chance, valid)),
        (bytes) => readAll(bytes, withIds),
      )
      expect(outcome.refused).toBeGreaterThan(12_000)
    }
  })

  it('are decoded or refused as index objects, at once', () => {
    const chance = new Chance(11)
    const valid = encodeIndex([packTable(chance, 3), packTable(chance, 1), packTable(chance, 2)])
    const outcome = survives(
      20_000,
      (index) => (index % 3 === 2 ? chance.bytes(chance.int(120)) : mutated(chance, valid)),
      (bytes) => decodeIndex(bytes, 'index'),
    )
    expect(outcome.refused).toBeGreaterThan(12_000)
  })
})
