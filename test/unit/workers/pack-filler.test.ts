import { beforeAll, describe, expect, it } from 'vitest'
import { createZstd, type Zstd } from '../../../src/codec/zstd.ts'
import { hash } from '../../../src/crypto/blake3.ts'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import type { PackReaderSecrets, PackTicket } from '../../../src/pack/pack-header.ts'
import { openPackSegment } from '../../../src/pack/pack-reader.ts'
import { type FinishedPack, packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { decodeSegment, encodeSegment, readSegmentHeader } from '../../../src/pack/segment.ts'
import { type FillerParts, PackFiller } from '../../../src/workers/pack-filler.ts'
import { createCheckScratch, recheckPack } from '../../../src/workers/recheck-pack.ts'
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
const PACK_BYTES = 512 * 1024

let box: Box
let secrets: PackReaderSecrets

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
})

type Setup = {
  packs: FinishedPack[]
  tickets: PackTicket[]
  buffers: Uint8Array<ArrayBuffer>[]
  filler: PackFiller
}

function setup(parts: Partial<FillerParts> = {}): Setup {
  const packs: FinishedPack[] = []
  const tickets: PackTicket[] = []
  const buffers: Uint8Array<ArrayBuffer>[] = []
  const packBytes = parts.packBytes ?? PACK_BYTES
  const filler = new PackFiller({
    zstd,
    hasher,
    level: 3,
    segmentBytes: 1_048_576,
    packBytes,
    recheck: true,
    nextTicket: () => {
      tickets.push(makeTicket(box, secrets))
      return tickets.at(-1)!
    },
    nextBuffer: () => {
      buffers.push(new Uint8Array(packBufferBytes(packBytes)))
      return buffers.at(-1)!
    },
    onPack: (pack) => packs.push(pack),
    ...parts,
  })
  return { packs, tickets, buffers, filler }
}

type Read = { chunk: Buffer; id: string; codec: string }

/** Every chunk of the packs, in order, as a reader finds it. */
function readBack({ packs, tickets }: Setup): Read[] {
  return packs.flatMap(({ bytes, table }, index) => {
    let at = 160
    return table.segments.flatMap((row, number) => {
      const sealed = bytes.subarray(at, at + row.sealed)
      at += row.sealed
      const opened = openPackSegment(table.id, bytes, tickets[index]!, number, sealed)
      const header = readSegmentHeader(opened)
      const decoded = decodeSegment(zstd, opened, header, new Uint8Array(header.plain))
      expect(decoded.length).toBeLessThanOrEqual(1_048_576)
      let start = 0
      return [...row.chunkLengths].map((length, chunk) => {
        const bytesOfChunk = Buffer.from(decoded.subarray(start, start + length))
        start += length
        const id = Buffer.from(row.chunkIds.subarray(chunk * 32, chunk * 32 + 32)).toString('hex')
        return { chunk: bytesOfChunk, id, codec: header.codec }
      })
    })
  })
}

const hexId = (chunk: Uint8Array) => Buffer.from(idOf(chunk)).toString('hex')

describe('a pack filler', () => {
  it.each([1_048_576, 100_000, 1])(
    'gives chunks back in order with their ids, in segments of %i bytes',
    (segmentBytes) => {
      const chance = new Chance(40)
      const made = setup({ segmentBytes })
      const chunks = Array.from({ length: 120 }, (_, index) => {
        const length = index % 40 === 7 ? 1_048_576 : chance.between(1, 30_000)
        return index % 5 === 0 ? chance.bytes(length) : chance.text(length)
      })
      for (const chunk of chunks) {
        const ids = new Uint8Array(96)
        ids.set(idOf(chunk), 41)
        made.filler.add(chunk, ids, 41, true)
      }
      made.filler.flush()
      const read = readBack(made)
      expect(read.map(({ id }) => id)).toEqual(chunks.map(hexId))
      expect(read.every(({ chunk }, index) => chunk.equals(chunks[index]!))).toBe(true)
      expect(made.packs.length).toBeGreaterThan(1)
    },
  )

  it('keeps what does not get smaller apart, stored as it is and in order', () => {
    const chance = new Chance(41)
    const made = setup()
    const chunks = Array.from({ length: 60 }, () => chance.text(chance.between(100, 20_000)))
    chunks.forEach((chunk, index) => {
      made.filler.add(chunk, idOf(chunk), 0, index % 3 > 0)
    })
    made.filler.flush()
    const read = readBack(made)
    expect(new Set(read.map(({ id }) => id)).size).toBe(60)
    for (const [codec, apart] of [
      ['stored', chunks.filter((_, index) => index % 3 === 0)],
      ['zstd', chunks.filter((_, index) => index % 3 > 0)],
    ] as const) {
      expect(read.filter((each) => each.codec === codec).map(({ id }) => id)).toEqual(apart.map(hexId))
    }
  })

  it('takes the chunk by copy: the caller may use its memory again at once', () => {
    const made = setup()
    const memory = new Chance(42).bytes(5000)
    const id = idOf(memory)
    const expected = hexId(memory)
    made.filler.add(memory, id, 0, true)
    memory.fill(0)
    id.fill(0)
    made.filler.flush()
    expect(readBack(made).map((each) => each.id)).toEqual([expected])
  })

  it('hands over nothing when nothing was added, however often it is flushed', () => {
    const made = setup()
    made.filler.flush()
    made.filler.flush()
    expect(made).toMatchObject({ packs: [], tickets: [], buffers: [] })
  })

  it('uses a fresh ticket and buffer for each pack', () => {
    const chance = new Chance(43)
    const made = setup()
    for (let index = 0; index < 4; index++) {
      const chunk = chance.bytes(1000)
      made.filler.add(chunk, idOf(chunk), 0, false)
      made.filler.flush()
    }
    expect(new Set(made.packs.map(({ table }) => table.id)).size).toBe(4)
    expect(new Set(made.packs.map(({ bytes }) => bytes.buffer)).size).toBe(4)
  })
})

describe('reading a pack back before it is stored', () => {
  /** A zstd whose compressed bytes have one bit wrong. */
  const faulty: Zstd = {
    ...zstd,
    compress(source, into, at, level) {
      const length = zstd.compress(source, into, at, level)
      into[at + length - 5]! ^= 4
      return length
    },
  }

  it('finds what a faulty compressor made, and hands nothing over', () => {
    const made = setup({ zstd: faulty })
    const chunk = new Chance(44).text(50_000)
    made.filler.add(chunk, idOf(chunk), 0, true)
    expect(codeOf(() => made.filler.flush())).toBe('OBJECT_DAMAGED')
    expect(made.packs).toEqual([])
  })

  it('finds a bit that flips in the pack buffer', () => {
    for (const at of [5, 40, 60, 130, 165, 1500]) {
      const chance = new Chance(45)
      const made = setup({ segmentBytes: 2000 })
      for (let index = 0; index < 4; index++) {
        const chunk = chance.bytes(1500)
        made.filler.add(chunk, idOf(chunk), 0, true)
      }
      made.buffers[0]![at]! ^= 1
      expect([at, codeOf(() => made.filler.flush())]).toEqual([at, 'OBJECT_DAMAGED'])
      expect(made.packs).toEqual([])
    }
  })

  it('finds a chunk that is not what its id says', () => {
    const made = setup()
    const chunk = new Chance(46).bytes(5000)
    made.filler.add(chunk, idOf(flipped(chunk, 77)), 0, true)
    expect(codeOf(() => made.filler.flush())).toBe('OBJECT_DAMAGED')
  })

  it('finds a segment with bases that is not what was encoded, though its seal is whole', () => {
    const made = setup()
    const chance = new Chance(49)
    const [base, chunk] = [chance.text(5_000), chance.text(5_000)]
    const into = new Uint8Array(6_000)
    const delta = { depth: 1, ids: idOf(base), dictionary: base }
    const length = encodeSegment(zstd, chunk, 3, into, delta)
    const row = {
      plain: 5_000,
      depth: 1,
      bases: idOf(base),
      chunkLengths: Uint32Array.of(5_000),
      chunkIds: idOf(chunk),
    }
    const encoded = into.subarray(0, length)
    const add = (bytes: Uint8Array<ArrayBuffer>) => () => {
      made.filler.addSegment(bytes, row, hash(encoded))
      made.filler.flush()
    }
    expect(codeOf(add(encoded))).toBeUndefined()
    expect(codeOf(add(flipped(encoded, length - 9)))).toBe('OBJECT_DAMAGED')
    expect(made.packs).toHaveLength(1)
  })

  it('is left out where it was not asked for', () => {
    const made = setup({ zstd: faulty, recheck: false })
    const chunk = new Chance(47).text(50_000)
    made.filler.add(chunk, idOf(chunk), 0, true)
    made.filler.flush()
    expect(made.packs).toHaveLength(1)
  })

  it('finds a changed bit at any byte of a pack', () => {
    const chance = new Chance(48)
    const ticket = makeTicket(box, secrets)
    const { bytes, table } = makePack(ticket, zstd, [
      [chance.text(900), chance.bytes(50)],
      [chance.bytes(30)],
    ])
    const scratch = createCheckScratch()
    const check = (changed: Uint8Array<ArrayBuffer>) =>
      codeOf(() => recheckPack({ bytes: changed, table }, ticket, zstd, hasher, scratch, new Map()))
    expect(check(bytes)).toBeUndefined()
    for (let at = 0; at < bytes.length; at++) {
      expect([at, check(flipped(bytes, at, 1 << (at % 8)))]).toEqual([at, 'OBJECT_DAMAGED'])
    }
  })
})
