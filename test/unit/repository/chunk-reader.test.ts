import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createChunkHasher } from '../../../src/crypto/blake3.ts'
import type { ErrorCode } from '../../../src/model/errors.ts'
import { CHUNK_ID_BYTES } from '../../../src/model/ids.ts'
import { DICTIONARY_BYTES_MAX, SEGMENT_BASES_MAX, SEGMENT_CLOSURE_MAX } from '../../../src/model/limits.ts'
import { type Content, encodeContent } from '../../../src/snapshot/content.ts'
import { Chance } from '../../support/builders.ts'
import { HostileSnapshot, hole, items, rowOf } from '../../support/hostile/hostile-snapshot.ts'
import { TestRepository } from '../../support/repository.ts'

/** Were it a list, it would end within its first item. */
const BYTES = new Uint8Array(20).fill(1)
/** More than the ids of as many bases as a segment may have, and next to nothing when compressed. */
const DELTA_BYTES = 2 * SEGMENT_BASES_MAX * CHUNK_ID_BYTES

let repo: TestRepository
let id: Uint8Array

beforeAll(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), BYTES)
  await repo.backup()
  id = new Uint8Array(CHUNK_ID_BYTES)
  createChunkHasher(repo.repository.keys.idKey).hashInto(BYTES, id, 0)
})
afterAll(() => repo[Symbol.asyncDispose]())

const refused = async (run: () => Promise<unknown>, code: ErrorCode) =>
  await expect(run()).rejects.toMatchObject({ code })

async function itemsOf(content: Content): Promise<number> {
  let count = 0
  for await (const _ of repo.repository.chunks.items(content)) count += 1
  return count
}

const bytesOf = (content: Content, bytesMax = 2 ** 20) => repo.repository.chunks.bytes(content, bytesMax)

it('takes no hole for a list of chunks, nor a list that ends within an item', async () => {
  await refused(() => itemsOf({ levels: 1, items: hole(8) }), 'OBJECT_DAMAGED')
  await refused(() => itemsOf(items([id], 1)), 'OBJECT_DAMAGED')
  expect(await itemsOf(items([id, id]))).toBe(2)
})

it('reads each level of a list as a whole, wherever its chunks and those of the level above end', async () => {
  const chance = new Chance(17)
  const hostile = await HostileSnapshot.begin(repo.repository)
  const wanted = Array.from({ length: 50 }, () => chance.bytes(CHUNK_ID_BYTES))
  let content = items(wanted, 0)
  for (let level = 1; level <= 4; level += 1) {
    const chunks: Uint8Array[] = []
    for (let at = 0; at < content.items.length; ) {
      const chunk = content.items.slice(at, at + chance.between(1, 80))
      at += chunk.length
      await hostile.chunk(chunk)
      chunks.push(hostile.idOf(chunk))
    }
    content = items(chunks, level)
  }
  await hostile.commit({ root: encodeContent({ levels: 0, items: new Uint8Array(0) }) })
  const found: string[] = []
  const lists: Uint8Array[] = []
  for await (const item of repo.repository.chunks.items(content, (list) => lists.push(list)))
    if ('chunk' in item) found.push(Buffer.from(item.chunk).toString('hex'))
  expect(found).toEqual(wanted.map((each) => Buffer.from(each).toString('hex')))
  expect(lists.length).toBeGreaterThan(100)
})

it('takes no hole for a part of a directory', async () => {
  await refused(() => bytesOf({ levels: 0, items: hole(8) }), 'OBJECT_DAMAGED')
})

it('reads a directory up to its limit, and none that is made of very many small chunks', async () => {
  expect(await bytesOf(items([id, id]), 40)).toHaveLength(40)
  await refused(() => bytesOf(items([id, id]), 39), 'LIMIT_EXCEEDED')
  const many = (count: number) => items(Array.from({ length: count }, () => id))
  expect(await bytesOf(many(1_024))).toHaveLength(20 * 1_024)
  await refused(() => bytesOf(many(1_025)), 'LIMIT_EXCEEDED')
})

type Chunk = { readonly bytes: Uint8Array; readonly id: Uint8Array }

/** Chunks that are stored one in a segment, then committed. */
class Chunks {
  static #made = 0
  readonly #hostile: HostileSnapshot

  static async begin(): Promise<Chunks> {
    return new Chunks(await HostileSnapshot.begin(repo.repository))
  }

  private constructor(hostile: HostileSnapshot) {
    this.#hostile = hostile
  }

  /** Bytes that no other has. */
  #bytes(count: number): Chunk {
    const bytes = new Uint8Array(count)
    Chunks.#made += 1
    new DataView(bytes.buffer).setUint32(0, Chunks.#made)
    return { bytes, id: this.#hostile.idOf(bytes) }
  }

  async plain(count = 4): Promise<Chunk> {
    const chunk = this.#bytes(count)
    await this.#hostile.chunk(chunk.bytes)
    return chunk
  }

  async delta(depth: number, bases: readonly Chunk[]): Promise<Chunk> {
    const chunk = this.#bytes(DELTA_BYTES)
    await this.#store(chunk, depth, bases)
    return chunk
  }

  /** Each has the next one as its base, and the last one the first. */
  async ring(count: number, depth: number): Promise<Chunk[]> {
    const chunks = Array.from({ length: count }, () => this.#bytes(DELTA_BYTES))
    for (const [n, chunk] of chunks.entries()) await this.#store(chunk, depth, [chunks[(n + 1) % count]!])
    return chunks
  }

  async #store({ bytes, id: own }: Chunk, depth: number, bases: readonly Chunk[]): Promise<void> {
    const ids = Buffer.concat(bases.map((base) => base.id))
    const dictionary = Buffer.concat(bases.map((base) => base.bytes))
    const encoded = this.#hostile.deltaBytes(bytes, depth, ids, dictionary)
    await this.#hostile.segment(encoded, rowOf(bytes.length, [[bytes.length, own]], depth, ids))
  }

  async commit(): Promise<void> {
    await this.#hostile.commit({ root: encodeContent({ levels: 0, items: new Uint8Array(0) }) })
  }
}

/** Reads it with nothing kept of earlier reads. */
async function read(chunk: Chunk): Promise<void> {
  const { chunks } = await repo.reopen()
  expect(Buffer.compare(await chunks.chunk(chunk.id), chunk.bytes)).toBe(0)
}

it('decodes as many segments for a chunk as the format allows, and no more', async () => {
  const chunks = await Chunks.begin()
  const groups = Math.ceil(SEGMENT_CLOSURE_MAX / SEGMENT_BASES_MAX)
  const plain: Chunk[] = []
  for (let n = 0; n < SEGMENT_CLOSURE_MAX - groups; n++) plain.push(await chunks.plain())
  const deltas: Chunk[] = []
  for (let n = 0; n < groups; n++) {
    const bases = plain.slice(n * SEGMENT_BASES_MAX, (n + 1) * SEGMENT_BASES_MAX)
    deltas.push(await chunks.delta(1, bases))
  }
  const lastButOne = await chunks.delta(1, plain.slice((groups - 1) * SEGMENT_BASES_MAX, -1))
  const most = await chunks.delta(2, [...deltas.slice(0, -1), lastButOne])
  const tooMany = await chunks.delta(2, deltas)
  await chunks.commit()
  await read(most)
  await refused(() => read(tooMany), 'LIMIT_EXCEEDED')
})

it('joins bases up to the limit of a dictionary, and none above it', async () => {
  const chunks = await Chunks.begin()
  const bases = [await chunks.plain(DICTIONARY_BYTES_MAX / 2), await chunks.plain(DICTIONARY_BYTES_MAX / 2)]
  const longest = await chunks.delta(1, bases)
  const tooLong = await chunks.delta(1, [...bases, await chunks.plain()])
  await chunks.commit()
  await read(longest)
  await refused(() => read(tooLong), 'LIMIT_EXCEEDED')
})

it('takes no base that is as deep as the segment that needs it', async () => {
  const chunks = await Chunks.begin()
  const base = await chunks.delta(1, [await chunks.plain()])
  const deeper = await chunks.delta(2, [base])
  const asDeep = await chunks.delta(1, [base])
  const lessDeep = await chunks.delta(1, [deeper])
  await chunks.commit()
  await read(deeper)
  await refused(() => read(asDeep), 'OBJECT_DAMAGED')
  await refused(() => read(lessDeep), 'OBJECT_DAMAGED')
})

it('takes no base that needs the segment itself', async () => {
  const chunks = await Chunks.begin()
  const rings = [await chunks.ring(1, 8), await chunks.ring(3, 1)]
  await chunks.commit()
  for (const ring of rings) {
    for (const chunk of ring) await refused(() => read(chunk), 'OBJECT_DAMAGED')
  }
})

it('takes a pack that another process took out of the manifest for missing, not for a broken manifest', async () => {
  await refused(() => repo.repository.chunks.dictionaryOf(1_000_000, 0), 'OBJECT_MISSING')
  const [pack] = repo.repository.manifest.packs.list()
  await refused(() => repo.repository.chunks.dictionaryOf(pack?.no ?? 0, 1_000_000), 'MANIFEST_FAILED')
})
