import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/base/bytes.ts'
import { createChunker } from '../../../src/chunker/chunker.ts'
import { gearTable } from '../../../src/chunker/gear.ts'
import { chunkerParams } from '../../../src/chunker/params.ts'
import { createZstd } from '../../../src/codec/zstd.ts'
import { type Box, loadBox } from '../../../src/crypto/box.ts'
import type { PackReaderSecrets } from '../../../src/pack/pack-header.ts'
import { packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { ContentStore } from '../../../src/repository/content-store.ts'
import { CHUNK_ITEM, type Content, readItems, writeHole } from '../../../src/snapshot/content.ts'
import { PackFiller } from '../../../src/workers/pack-filler.ts'
import { createSeenMemory, SeenTable } from '../../../src/workers/seen-table.ts'
import { Chance, hasher, makeSecrets, makeTicket } from '../../support/builders.ts'

const PACK_BYTES = 1_048_576
const WINDOW = 131_072
/** Small, so that short lists have many levels. */
const PARAMS = chunkerParams(4096)
const chunker = createChunker(gearTable(new Uint8Array(32).fill(8)), WINDOW)

let box: Box
let secrets: PackReaderSecrets

beforeAll(async () => {
  box = await loadBox()
  secrets = makeSecrets(box)
})

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A store, and every chunk that went to its packs. */
function storeOf(keep = true, knows: (id: Uint8Array) => boolean = () => false) {
  const chunks = new Map<string, Buffer>()
  class WatchedFiller extends PackFiller {
    override add(chunk: Uint8Array, ids: Uint8Array, idAt: number, compress: boolean): void {
      if (keep) chunks.set(hexOf(ids.subarray(idAt, idAt + 32)), Buffer.from(chunk))
      super.add(chunk, ids, idAt, compress)
    }
  }
  const filler = new WatchedFiller({
    zstd: createZstd(),
    hasher,
    level: 0,
    segmentBytes: 65_536,
    packBytes: PACK_BYTES,
    recheck: false,
    nextTicket: () => makeTicket(box, secrets),
    nextBuffer: () => new Uint8Array(packBufferBytes(PACK_BYTES)),
    onPack: () => undefined,
  })
  const seen = new SeenTable(createSeenMemory([2 ** 18]))
  const store = new ContentStore({ chunker, params: PARAMS, hasher, seen, knows, filler, deltas: undefined })
  /** The items of level 0: what a reader resolves. */
  const resolved = ({ levels, items }: Content): Buffer =>
    levels === 0 ? Buffer.from(items) : resolved({ levels: levels - 1, items: joined(items) })
  const joined = (items: Uint8Array): Buffer =>
    Buffer.concat(
      [...readItems(items)].map((item) => {
        if ('hole' in item) throw new Error('a hole in a list of lists')
        return chunks.get(hexOf(item.chunk)) ?? Buffer.alloc(0)
      }),
    )
  return { store, chunks, resolved, joined }
}

/** Items of `count` random chunks with a hole here and there. */
function itemsOf(seed: number, count: number): Uint8Array {
  const chance = new Chance(seed)
  const writer = new ByteWriter(count * 33)
  for (let index = 0; index < count; index++) {
    if (chance.int(20) === 0) writeHole(writer, chance.int(2 ** 40))
    else writer.u8(CHUNK_ITEM).raw(chance.bytes(32))
  }
  return writer.done()
}

/** Appends `bytes` in pieces of up to `most`, wherever they end. */
function inPieces(store: ContentStore, bytes: Uint8Array, seed: number, most: number): Content {
  const chance = new Chance(seed)
  const builder = store.builder()
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + chance.between(0, most))
    builder.append(bytes.subarray(at, end))
    at = end
  }
  return builder.finish()
}

describe('a list of items', () => {
  it('is resolved to the same items, in whatever pieces it came', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.oneof(fc.nat(70), fc.nat(3000), fc.constantFrom(0, 1, 63, 64, 65, 20_000)),
        fc.constantFrom(40, 3000, 200_000, 1_000_000),
        (seed, count, most) => {
          const { store, resolved } = storeOf()
          const items = itemsOf(seed, count)
          const content = inPieces(store, items, seed + 1, most)
          expect(resolved(content).equals(items)).toBe(true)
          expect(content.items.length).toBeLessThanOrEqual(64 * 33)
          expect(content.levels).toBeLessThanOrEqual(4)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('becomes the same content in whatever pieces it came, so that equal lists share their chunks', () => {
    for (const count of [100, 5000, 40_000]) {
      const items = itemsOf(90, count)
      const { store } = storeOf()
      const whole = store.list(items)
      const before = { ...store.counts }
      for (const most of [1000, 100_000, 700_000]) {
        const again = inPieces(store, items, most, most)
        expect([again.levels, hexOf(again.items)]).toEqual([whole.levels, hexOf(whole.items)])
      }
      expect(store.counts.newChunks).toBe(before.newChunks)
      expect(store.counts.chunks).toBe(before.chunks * 4)
    }
  })

  it('stays as it is up to 64 chunks, and goes up a level beyond', () => {
    const { store, chunks } = storeOf()
    const items = new ByteWriter(3000)
    const chance = new Chance(91)
    for (let index = 0; index < 64; index++) items.u8(CHUNK_ITEM).raw(chance.bytes(32))
    expect(store.list(items.done())).toEqual({ levels: 0, items: items.done() })
    expect(chunks.size).toBe(0)
    items.u8(CHUNK_ITEM).raw(chance.bytes(32))
    expect(store.list(items.done()).levels).toBe(1)
    expect(chunks.size).toBeGreaterThan(0)
  })

  it('is empty where nothing was appended', () => {
    const { store, chunks } = storeOf()
    expect(store.builder().finish()).toEqual({ levels: 0, items: new Uint8Array(0) })
    expect(store.list(new Uint8Array(0)).items).toHaveLength(0)
    expect(chunks.size).toBe(0)
  })

  it('has three levels where it is long, all of them chunks', () => {
    const { store, resolved, joined } = storeOf()
    const items = itemsOf(92, 300_000)
    const content = inPieces(store, items, 5, 500_000)
    expect(content.levels).toBeGreaterThanOrEqual(2)
    expect(resolved(content).equals(items)).toBe(true)
    const below = [...readItems(joined(content.items))]
    expect(below.every((item) => 'chunk' in item)).toBe(true)
  })

  it('of five million items takes no more memory than one of a hundred thousand', () => {
    const { store } = storeOf(false)
    const builder = store.builder()
    const chance = new Chance(93)
    const piece = new Uint8Array(33 * 5000)
    let peak = 0
    let pending = 0
    for (let done = 0; done < 5_000_000; done += 5000) {
      piece.set(chance.bytes(33 * 200), (chance.int(24) * 33 * 200) % piece.length)
      for (let at = 0; at < piece.length; at += 33) piece[at] = CHUNK_ITEM
      new DataView(piece.buffer).setUint32(1, done, true)
      builder.append(piece)
      if (done % 500_000 === 0) {
        const { arrayBuffers } = process.memoryUsage()
        if (done === 500_000) pending = arrayBuffers
        peak = Math.max(peak, arrayBuffers)
      }
    }
    const content = builder.finish()
    expect(content.levels).toBeGreaterThanOrEqual(2)
    expect(content.items.length).toBeLessThanOrEqual(64 * 33)
    // 165 MB of items went through; what is kept is a window for each level, and what the collector has not seen yet.
    expect(peak - pending).toBeLessThan(80_000_000)
  }, 60_000)
})

describe('an encoded directory', () => {
  it('is what its content resolves to', () => {
    fc.assert(
      fc.property(fc.integer(), fc.oneof(fc.nat(5000), fc.nat(2_000_000)), (seed, length) => {
        const { store, resolved, joined } = storeOf()
        const bytes = new Chance(seed).bytes(length)
        const content = store.bytes(bytes)
        expect(joined(resolved(content)).equals(bytes)).toBe(true)
        expect(store.counts.newBytes).toBeGreaterThanOrEqual(length)
      }),
      { numRuns: 25 },
    )
  })

  it('is stored once, and not at all where the repository knows it', () => {
    const bytes = new Chance(94).bytes(40_000)
    const { store } = storeOf()
    const first = store.bytes(bytes)
    const { newChunks } = store.counts
    expect(store.bytes(bytes)).toEqual(first)
    expect(store.counts.newChunks).toBe(newChunks)
    const known = storeOf(true, () => true)
    expect(known.store.bytes(bytes)).toEqual(first)
    expect(known.store.counts.newChunks).toBe(0)
    expect(known.store.counts.chunks).toBeGreaterThan(0)
  })

  it('that changes in one place keeps most of its chunks', () => {
    const { store } = storeOf()
    const bytes = new Chance(95).bytes(1_000_000)
    store.bytes(bytes)
    const { newChunks } = store.counts
    store.bytes(Buffer.concat([bytes.subarray(0, 500_000), Uint8Array.of(1, 2, 3), bytes.subarray(500_000)]))
    expect(store.counts.newChunks - newChunks).toBeLessThan(15)
  })
})
