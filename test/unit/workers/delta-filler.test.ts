import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createZstd, type Zstd } from '../../../src/codec/zstd.ts'
import { loadBox } from '../../../src/crypto/box.ts'
import type { SegmentRow } from '../../../src/model/pack-table.ts'
import type { PackTicket } from '../../../src/pack/pack-header.ts'
import { type FinishedPack, packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { decodeSegment, readSegmentHeader } from '../../../src/pack/segment.ts'
import { CHUNK_ITEM } from '../../../src/snapshot/content.ts'
import type { Base } from '../../../src/workers/base-finder.ts'
import type { SegmentOfBases } from '../../../src/workers/base-reading.ts'
import type { BaseAnswer, BaseRequest } from '../../../src/workers/bases.ts'
import { DeltaFiller, type DeltaFillerParts } from '../../../src/workers/delta-filler.ts'
import type { Run } from '../../../src/workers/delta-run.ts'
import { FormerContent } from '../../../src/workers/former-content.ts'
import { PackFiller } from '../../../src/workers/pack-filler.ts'
import {
  Chance,
  codeOf,
  flipped,
  hasher,
  idOf,
  makePack,
  makeSecrets,
  makeTicket,
} from '../../support/builders.ts'

const zstd = createZstd()
const HEADER_BYTES = 160
const CHUNK_BYTES = 8_192

let ticket: PackTicket
let nextTicket: () => PackTicket
let chance: Chance
/** Two to a segment. */
let chunks: Uint8Array<ArrayBuffer>[]
let pack: FinishedPack

beforeAll(async () => {
  const box = await loadBox()
  const secrets = makeSecrets(box)
  nextTicket = () => makeTicket(box, secrets)
})

beforeEach(() => {
  chance = new Chance(77)
  // The last two do not compress, and are stored as they are.
  chunks = [0, 1, 2, 3]
    .map(() => chance.text(CHUNK_BYTES))
    .concat([4, 5].map(() => chance.bytes(CHUNK_BYTES)))
  ticket = nextTicket()
  pack = makePack(ticket, zstd, [chunks.slice(0, 2), chunks.slice(2, 4), chunks.slice(4)])
})

const idText = (id: Uint8Array): string => Buffer.from(id).toString('hex')

/** The chunks of `pack` as a manifest knows them. */
function places(standsIn = false): Map<string, Base> {
  const found = new Map<string, Base>()
  let at = HEADER_BYTES
  pack.table.segments.forEach((row, number) => {
    const segment: SegmentOfBases = { number, offset: at, sealed: row.sealed, plain: row.plain }
    at += row.sealed
    for (const [index, chunk] of chunks.slice(number * 2, number * 2 + 2).entries()) {
      const id = idOf(chunk)
      const place = {
        id,
        packId: ticket.id,
        segment,
        offset: index * CHUNK_BYTES,
        bytes: CHUNK_BYTES,
        standsIn,
      }
      found.set(idText(id), place)
    }
  })
  return found
}

const asStored = (request: BaseRequest): BaseAnswer => ({
  packs: request.packs.map(({ segments }) => ({
    header: pack.bytes.subarray(0, HEADER_BYTES),
    packKey: ticket.packKey,
    sealed: segments.map(({ offset, bytes }) => pack.bytes.slice(offset, offset + bytes)),
  })),
})

const finderOf = (known: ReadonlyMap<string, Base>) => ({
  find: (id: Uint8Array): Base[] => [known.get(idText(id))].filter((base) => base !== undefined),
})

type Filled = { rows: readonly SegmentRow[]; encoded: readonly Uint8Array[] }

/** What becomes of the runs; `answer`: what is read of the bases. */
function fill(runs: readonly Run[], parts: Partial<DeltaFillerParts> = {}, answer = asStored): Filled {
  const rows: SegmentRow[] = []
  const encoded: Uint8Array[] = []
  const filler = new PackFiller({
    zstd,
    hasher,
    level: 3,
    segmentBytes: 1_048_576,
    packBytes: 512 * 1024,
    recheck: true,
    nextTicket,
    nextBuffer: () => new Uint8Array(packBufferBytes(512 * 1024)),
    onPack: ({ table }) => rows.push(...table.segments),
  })
  const add = filler.addSegment.bind(filler)
  filler.addSegment = (bytes, row, digest) => {
    encoded.push(bytes.slice())
    add(bytes, row, digest)
  }
  const known = places()
  const deltas = new DeltaFiller({
    zstd,
    hasher,
    level: 3,
    segmentBytes: 1_048_576,
    recheck: true,
    finder: finderOf(known),
    source: { ask: (request) => ({ take: () => answer(request) }) },
    filler,
    ...parts,
  })
  for (const run of runs) deltas.add(run)
  deltas.flush()
  filler.flush()
  return { rows, encoded }
}

/** A run of one chunk, with those `chunks` in its place. */
function run(chunk: Uint8Array, of: readonly number[]): Run {
  const items = chunks.flatMap((former) => [Uint8Array.of(CHUNK_ITEM), idOf(former)])
  const former = new FormerContent(Buffer.concat(items))
  return { bytes: chunk, lengths: [chunk.length], ids: idOf(chunk), compress: true, bases: of, former }
}
const edited = (of: number): Uint8Array<ArrayBuffer> => flipped(chunks[of]!, 4_000)

describe('a run of new chunks', () => {
  it('becomes a segment with its bases, which decodes with them and with them alone', () => {
    const chunk = edited(1)
    const { rows, encoded } = fill([run(chunk, [1])])
    expect(rows.map(({ depth, bases }) => ({ depth, bases: idText(bases) }))).toEqual([
      { depth: 1, bases: idText(idOf(chunks[1]!)) },
    ])
    expect(encoded[0]!.length).toBeLessThan(200)
    const header = readSegmentHeader(encoded[0]!)
    const room = new Uint8Array(header.plain)
    expect(Buffer.compare(decodeSegment(zstd, encoded[0]!, header, room, chunks[1]!), chunk)).toBe(0)
    const decodeWithAnother = () => decodeSegment(zstd, encoded[0]!, header, room, chunks[0]!).slice()
    expect(codeOf(decodeWithAnother) ?? Buffer.compare(decodeWithAnother(), chunk)).not.toBe(0)
  })

  it('shares a segment with others, over bases of several segments, compressed or stored as they are', () => {
    const { rows, encoded } = fill([
      run(edited(0), [0]),
      run(edited(4), [4, 5]),
      run(edited(2), [2]),
      run(edited(5), [5]),
    ])
    expect(rows.map(({ depth, bases }) => ({ depth, count: bases.length / 32 }))).toEqual([
      { depth: 1, count: 4 },
    ])
    const header = readSegmentHeader(encoded[0]!)
    const dictionary = Buffer.concat([0, 4, 5, 2].map((index) => chunks[index]!))
    const plain = decodeSegment(zstd, encoded[0]!, header, new Uint8Array(header.plain), dictionary)
    expect(Buffer.compare(plain, Buffer.concat([edited(0), edited(4), edited(2), edited(5)]))).toBe(0)
  })

  it('without bases is stored in full', () => {
    expect(fill([run(edited(1), [])]).rows.map(({ depth }) => depth)).toEqual([0])
    const finder = { find: () => [] }
    expect(fill([run(edited(1), [1])], { finder }).rows.map(({ depth }) => depth)).toEqual([0])
  })

  it('is stored in full where its bases make it hardly smaller, and nothing more of that file is tried', () => {
    const hopeless = run(chance.bytes(CHUNK_BYTES), [1])
    expect(fill([hopeless]).rows.map(({ depth }) => depth)).toEqual([0])
    expect(hopeless.former.isHopeless).toBe(true)
  })

  it('is stored in full where many segments would have to be decoded for a little from each', () => {
    chunks = Array.from({ length: 12 }, () => chance.text(CHUNK_BYTES))
    pack = makePack(
      ticket,
      zstd,
      [0, 2, 4, 6, 8, 10].map((from) => chunks.slice(from, from + 2)),
    )
    const depths = (of: readonly number[]) =>
      fill(of.map((index) => run(edited(index), [index]))).rows.map(({ depth }) => depth)
    expect(depths([0, 2, 4, 6])).toEqual([1])
    expect(depths([0, 2, 4, 6, 8])).toEqual([0])
    // Four edits in one of them are worth it.
    const first = [0, 1, 0, 1].map((index) => run(flipped(edited(index), chance.int(CHUNK_BYTES)), [index]))
    const rest = [2, 4, 6, 8].map((index) => run(edited(index), [index]))
    const { rows } = fill([...first, ...rest])
    expect(rows.map(({ depth, plain }) => [depth, plain / CHUNK_BYTES]).sort()).toEqual([
      [0, 4],
      [1, 4],
    ])
  })

  it('begins another segment where one would have more bases, or more bytes of them, than a reader takes', () => {
    const small = Array.from({ length: 300 }, () => chance.text(1_024))
    const large = Array.from({ length: 15 }, () => chance.text(131_072))
    for (const [of, most] of [
      [small, 128],
      [large, 8],
    ] as const) {
      chunks = [...of]
      pack = makePack(ticket, zstd, [chunks])
      const segment = {
        number: 0,
        offset: HEADER_BYTES,
        sealed: pack.table.segments[0]!.sealed,
        plain: of[0]!.length * of.length,
      }
      const known = new Map<string, Base>()
      chunks.forEach((chunk, index) => {
        const place = {
          packId: ticket.id,
          segment,
          offset: index * chunk.length,
          bytes: chunk.length,
          standsIn: false,
        }
        known.set(idText(idOf(chunk)), { id: idOf(chunk), ...place })
      })
      const runs = chunks.map((chunk, index) => run(flipped(chunk, 500), [index]))
      const { rows } = fill(runs, { finder: finderOf(known), segmentBytes: 2_097_152 })
      expect(rows.map(({ depth }) => depth)).toEqual(rows.map(() => 1))
      expect(Math.max(...rows.map(({ bases }) => bases.length / 32))).toBe(most)
    }
  })

  it('takes as many of the likeliest bases as it has room for, in the order of the file', () => {
    const large = [0, 1, 2].map(() => chance.text(500_000) as Uint8Array<ArrayBuffer>)
    chunks = large
    pack = makePack(ticket, zstd, [large.slice(0, 2), large.slice(2)])
    const known = new Map<string, Base>()
    let at = HEADER_BYTES
    for (const [number, row] of pack.table.segments.entries()) {
      const segment = { number, offset: at, sealed: row.sealed, plain: row.plain }
      for (const [index, chunk] of large.slice(number * 2, number * 2 + 2).entries()) {
        const place = { packId: ticket.id, segment, offset: index * 500_000, bytes: 500_000, standsIn: false }
        known.set(idText(idOf(chunk)), { id: idOf(chunk), ...place })
      }
      at += row.sealed
    }
    const finder = finderOf(known)
    const { rows } = fill([run(edited(1), [1, 0, 2])], { finder })
    expect(rows.map(({ bases }) => idText(bases))).toEqual([
      idText(idOf(large[0]!)) + idText(idOf(large[1]!)),
    ])
  })

  it('keeps those whose bases stand in for others apart, and has them in full where that costs little more', () => {
    const known = places()
    const second = places(true)
    for (const index of [2, 3])
      known.set(idText(idOf(chunks[index]!)), second.get(idText(idOf(chunks[index]!)))!)
    const finder = finderOf(known)
    const depths = (runs: readonly Run[]) =>
      fill(runs, { finder }).rows.map(({ depth, bases }) => [depth, bases.length / 32])
    expect(depths([run(edited(0), [0]), run(edited(2), [2]), run(edited(1), [1])])).toEqual([
      [1, 2],
      [1, 1],
    ])
    // Of text that becomes a third, half anew: too much for a base that stands in, and worth it for any other.
    const half = (index: number) => Buffer.concat([chunks[index]!.subarray(0, 4_096), chance.text(4_096)])
    expect(depths([run(half(2), [2])])).toEqual([[0, 0]])
    expect(depths([run(half(1), [1])])).toEqual([[1, 1]])
  })
})

describe('bases', () => {
  const depths = (answer: (request: BaseRequest) => BaseAnswer): number[] =>
    fill([run(edited(1), [1])], {}, answer).rows.map(({ depth }) => depth)

  it('that cannot be read are not used', () => {
    expect(depths(() => ({ packs: [undefined] }))).toEqual([0])
    expect(depths(() => ({ packs: [] }))).toEqual([0])
  })

  it('whose stored bytes are damaged are not used', () => {
    const damaged = (request: BaseRequest): BaseAnswer => ({
      packs: asStored(request).packs.map((of) => ({
        ...of!,
        sealed: of!.sealed.map((bytes) => flipped(bytes as Uint8Array<ArrayBuffer>, 9)),
      })),
    })
    expect(depths(damaged)).toEqual([0])
  })

  it('that are not what their ids say are not used', () => {
    const wrong = places()
    const first = wrong.get(idText(idOf(chunks[0]!)))!
    const second = idText(idOf(chunks[1]!))
    wrong.set(second, { ...wrong.get(second)!, offset: first.offset })
    const finder = finderOf(wrong)
    expect(fill([run(edited(1), [1])], { finder }).rows.map(({ depth }) => depth)).toEqual([0])
  })
})

describe('a bit that memory loses', () => {
  const codeWith = (compressWithDictionary: Zstd['compressWithDictionary']) =>
    codeOf(() => fill([run(edited(1), [1])], { zstd: { ...zstd, compressWithDictionary } }))

  it('of what is compressed is found before it is stored', () => {
    const code = codeWith((source, dictionary, into, at, level) =>
      zstd.compressWithDictionary(flipped(Uint8Array.from(source), 5), dictionary, into, at, level),
    )
    expect(code).toBe('OBJECT_DAMAGED')
  })

  it('of what was compressed is found before it is stored', () => {
    const code = codeWith((source, dictionary, into, at, level) => {
      const bytes = zstd.compressWithDictionary(source, dictionary, into, at, level)
      into[at + 12]! ^= 1
      return bytes
    })
    expect(code).toBe('OBJECT_DAMAGED')
  })

  it('of the bases is found before anything made with them is stored: with the others nobody could read it', () => {
    const code = codeWith((source, dictionary, into, at, level) => {
      dictionary[100]! ^= 1
      return zstd.compressWithDictionary(source, dictionary, into, at, level)
    })
    expect(code).toBe('OBJECT_DAMAGED')
  })
})
