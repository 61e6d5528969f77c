import { beforeAll, describe, expect, it } from 'vitest'
import { createZstd } from '../../../src/codec/zstd.ts'
import { createPackSealer, openSegment } from '../../../src/crypto/aead.ts'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import type { SegmentRow } from '../../../src/model/pack-table.ts'
import { padmeBytes } from '../../../src/object/padme.ts'
import { type PackReaderSecrets, type PackTicket, packAad } from '../../../src/pack/pack-header.ts'
import { openPackSegment, readPackFooter, readPackTrailer } from '../../../src/pack/pack-reader.ts'
import { type FinishedPack, PackWriter, packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { decodeSegment, readSegmentHeader } from '../../../src/pack/segment.ts'
import { Chance, codeOf, flipped, makePack, makeSecrets, makeTicket } from '../../support/builders.ts'

const zstd = createZstd()
const chance = new Chance(1)
const SEGMENTS = [
  [chance.text(5000), chance.text(70_000)],
  [chance.bytes(300)],
  [chance.text(1), chance.bytes(40_000), chance.text(999)],
]

let box: Box
let secrets: PackReaderSecrets
let ticket: PackTicket
let pack: FinishedPack

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
  ticket = makeTicket(box, secrets)
  pack = makePack(ticket, zstd, SEGMENTS)
})

/** Sealed segment `number` of a pack: where it begins and ends. */
const rangeOf = (rows: readonly SegmentRow[], number: number) => {
  const at = 160 + rows.slice(0, number).reduce((sum, row) => sum + row.sealed, 0)
  return [at, at + rows[number]!.sealed] as const
}

const sealedOf = (of: FinishedPack, number: number) =>
  of.bytes.subarray(...rangeOf(of.table.segments, number))

/** What a reader without the index objects does. */
function readFromEnds(bytes: Uint8Array, of: PackTicket = ticket) {
  const trailer = readPackTrailer(of.id, bytes, of, bytes.subarray(-32), bytes.length)
  const sealed = bytes.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes)
  return readPackFooter(of.id, bytes, of, trailer, sealed)
}

describe('a pack', () => {
  it('gives back its segments, in order and with their chunks', () => {
    SEGMENTS.forEach((chunks, number) => {
      const opened = openPackSegment(ticket.id, pack.bytes, ticket, number, sealedOf(pack, number))
      const header = readSegmentHeader(opened)
      const plain = decodeSegment(zstd, opened, header, new Uint8Array(header.plain))
      expect(Buffer.concat(chunks).equals(plain)).toBe(true)
    })
  })

  it('tells its own table without chunk ids', () => {
    const rows = readFromEnds(pack.bytes)
    const withoutIds = pack.table.segments.map((row) => ({ ...row, chunkIds: new Uint8Array(0) }))
    expect(rows).toEqual(withoutIds)
  })

  it('has a Padme size, and says so in its table', () => {
    expect(padmeBytes(pack.bytes.length)).toBe(pack.bytes.length)
    expect(pack.table.bytes).toBe(pack.bytes.length)
    expect(pack.table).toMatchObject({ id: ticket.id, kind: 'data' })
  })

  it('hides its padding in the sealed footer', () => {
    const rows = pack.table.segments
    const trailer = readPackTrailer(
      ticket.id,
      pack.bytes,
      ticket,
      pack.bytes.subarray(-32),
      pack.bytes.length,
    )
    expect(trailer).toEqual({
      footerAt: rangeOf(rows, rows.length - 1)[1],
      footerBytes: pack.bytes.length - 32 - rangeOf(rows, rows.length - 1)[1],
      segments: 3,
    })
  })

  it('does not open a segment at another place, in another pack, or with a changed byte', () => {
    const open = (number: number, sealed: Uint8Array, header = ticket.header, keys: PackTicket = ticket) =>
      codeOf(() => openPackSegment(ticket.id, header, keys, number, sealed))
    expect(open(0, sealedOf(pack, 0))).toBeUndefined()
    expect(open(1, sealedOf(pack, 0))).toBe('OBJECT_DAMAGED')
    expect(open(0, sealedOf(pack, 1))).toBe('OBJECT_DAMAGED')
    const twin = makeTicket(box, secrets)
    expect(open(0, sealedOf(makePack(twin, zstd, SEGMENTS), 0))).toBe('OBJECT_DAMAGED')
    expect(open(0, sealedOf(pack, 0), twin.header)).toBe('OBJECT_DAMAGED')
    expect(open(0, sealedOf(pack, 0), ticket.header, twin)).toBe('OBJECT_DAMAGED')
    const sealed = sealedOf(pack, 1).slice()
    for (let at = 0; at < sealed.length; at++) expect(open(1, flipped(sealed, at))).toBe('OBJECT_DAMAGED')
    expect(open(1, sealed.subarray(0, 15))).toBe('OBJECT_DAMAGED')
  })

  it('binds every segment to each field of the object header, to the pack id and to its place', () => {
    const aad = packAad(ticket.header, 0)
    const sealed = sealedOf(pack, 0)
    expect(codeOf(() => openSegment(ticket.packKey, 0, aad, sealed))).toBeUndefined()
    for (let at = 0; at < aad.length; at++) {
      const changed = aad.slice()
      changed[at]! ^= 1
      expect([at, codeOf(() => openSegment(ticket.packKey, 0, changed, sealed))]).toEqual([
        at,
        'OBJECT_DAMAGED',
      ])
    }
  })

  it('does not give its table when any byte of footer or trailer has changed', () => {
    const [, footerAt] = rangeOf(pack.table.segments, 2)
    for (let at = footerAt; at < pack.bytes.length; at++) {
      expect(codeOf(() => readFromEnds(flipped(pack.bytes, at)))).toBe('OBJECT_DAMAGED')
    }
  })

  it('does not take the footer or the trailer of another pack', () => {
    const twinTicket = makeTicket(box, secrets)
    const twin = makePack(twinTicket, zstd, SEGMENTS)
    const mixed = pack.bytes.slice()
    mixed.set(twin.bytes.subarray(-32), mixed.length - 32)
    expect(codeOf(() => readFromEnds(mixed))).toBe('OBJECT_DAMAGED')
    mixed.set(twin.bytes.subarray(160), 160)
    expect(codeOf(() => readFromEnds(mixed))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => readFromEnds(twin.bytes, twinTicket))).toBeUndefined()
  })

  it('refuses a trailer whose footer would reach beyond the pack', () => {
    for (const [length, bytes] of [
      [0xffff_ffff, 4096],
      [15, 4096],
      [4096 - 160 - 32 + 1, 4096],
      [4096, 67_108_865],
    ] as const) {
      const plain = new Uint8Array(16)
      new DataView(plain.buffer).setUint32(0, length, true)
      const sealed = sealMessages(ticket, [new Uint8Array(1), plain]).at(-1)!
      expect(codeOf(() => readPackTrailer(ticket.id, ticket.header, ticket, sealed, bytes))).toBe(
        'LIMIT_EXCEEDED',
      )
    }
  })

  it('refuses a footer that disagrees with its trailer', () => {
    const trailer = readPackTrailer(
      ticket.id,
      pack.bytes,
      ticket,
      pack.bytes.subarray(-32),
      pack.bytes.length,
    )
    const sealed = pack.bytes.subarray(trailer.footerAt, trailer.footerAt + trailer.footerBytes)
    const read = (change: Partial<typeof trailer>) =>
      codeOf(() => readPackFooter(ticket.id, pack.bytes, ticket, { ...trailer, ...change }, sealed))
    expect(read({})).toBeUndefined()
    expect(read({ segments: 2 })).toBe('OBJECT_DAMAGED')
    expect(read({ footerAt: trailer.footerAt + 1 })).toBe('OBJECT_DAMAGED')
  })
})

/** Messages 0, 1 ... under the footer key, at the places of footer and trailer. */
function sealMessages(of: PackTicket, plains: readonly Uint8Array[]): Uint8Array[] {
  using sealer = createPackSealer(of.footerKey)
  return plains.map((plain, index) => {
    const into = new Uint8Array(plain.length + 16)
    sealer.seal(packAad(of.header, 0xffff_ffff - index), [plain], into, 0)
    return into
  })
}

describe('the size of packs', () => {
  const TARGET = 32 * 1024 * 1024
  const KIB = 1024

  /** A pack of segments whose encoded sizes are drawn from `sizes`, filled until it is full. */
  function fill(
    target: number,
    seed: number,
    sizes: readonly [number, number],
    chunksEach: number,
  ): FinishedPack {
    const random = new Chance(seed)
    const payload = new Uint8Array(sizes[1])
    const lengths = new Uint32Array(chunksEach).fill(Math.floor((1024 * KIB) / chunksEach))
    using writer = new PackWriter(makeTicket(box, secrets), new Uint8Array(packBufferBytes(target)), target)
    while (!writer.isFull) {
      const encoded = payload.subarray(0, random.between(...sizes))
      const plain = lengths.reduce((sum, length) => sum + length, 0)
      writer.add(encoded, {
        plain,
        depth: 0,
        bases: new Uint8Array(0),
        chunkLengths: lengths,
        chunkIds: new Uint8Array(0),
      })
    }
    return writer.finish()
  }

  const dataBytes = ({ table }: FinishedPack) => table.segments.reduce((sum, { sealed }) => sum + sealed, 160)

  it('wastes less than one hundredth on padding, over packs of segments of 100 to 300 KiB', () => {
    let stored = 0
    let padding = 0
    for (let seed = 0; seed < 25; seed++) {
      const full = fill(TARGET, seed, [100 * KIB, 300 * KIB], 64)
      expect(full.bytes.length).toBeGreaterThanOrEqual((TARGET * 3) / 4)
      expect(full.bytes.length).toBeLessThanOrEqual(TARGET)
      stored += full.bytes.length
      padding += full.bytes.length - dataBytes(full) - full.table.segments.length * (64 * 3 + 10) - 48
    }
    expect(padding / stored).toBeLessThan(0.01)
  }, 120_000)

  it('stays within the buffer for small targets and for segments of very many chunks', () => {
    for (const [target, sizes, chunks] of [
      [1024 * KIB, [100, 1_048_584], 1],
      [4096 * KIB, [20_000, 1_048_584], 349_525],
      [TARGET, [900_000, 1_048_584], 40_000],
    ] as const) {
      const full = fill(target, 5, sizes, chunks)
      expect(padmeBytes(full.bytes.length)).toBe(full.bytes.length)
    }
  })

  it('refuses a segment when it is full', () => {
    const target = 64 * KIB
    using writer = new PackWriter(makeTicket(box, secrets), new Uint8Array(packBufferBytes(target)), target)
    const row = {
      plain: 1,
      depth: 0,
      bases: new Uint8Array(0),
      chunkLengths: Uint32Array.of(1),
      chunkIds: new Uint8Array(32),
    }
    expect(writer.isEmpty).toBe(true)
    expect(() => writer.finish()).toThrow('at least one segment')
    writer.add(new Uint8Array(70_000), row)
    expect(writer.isFull).toBe(true)
    expect(() => writer.add(new Uint8Array(9), row)).toThrow('a full pack is finished first')
  })

  it('is full when the table of its chunks has no more room', () => {
    const target = 32 * 1024 * KIB
    const row = {
      plain: 1,
      depth: 0,
      bases: new Uint8Array(0),
      chunkLengths: new Uint32Array(180_000).fill(1),
      chunkIds: new Uint8Array(0),
    }
    using writer = new PackWriter(makeTicket(box, secrets), new Uint8Array(packBufferBytes(target)), target)
    writer.add(new Uint8Array(9), row)
    expect(writer.isFull).toBe(false)
    writer.add(new Uint8Array(9), row)
    expect(writer.isFull).toBe(true)
  })

  it('is used once', () => {
    const target = 64 * KIB
    const row = {
      plain: 1,
      depth: 0,
      bases: new Uint8Array(0),
      chunkLengths: Uint32Array.of(1),
      chunkIds: new Uint8Array(32),
    }
    using writer = new PackWriter(makeTicket(box, secrets), new Uint8Array(packBufferBytes(target)), target)
    writer.add(new Uint8Array(9), row)
    writer.finish()
    expect(() => writer.add(new Uint8Array(9), row)).toThrow('closed')
  })

  it('takes no buffer that is too small for a full pack', () => {
    const bytes = packBufferBytes(TARGET)
    expect(() => new PackWriter(makeTicket(box, secrets), new Uint8Array(bytes - 1), TARGET)).toThrow(
      'holds a full pack',
    )
  })
})
