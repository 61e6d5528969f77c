/**
 * Adds a snapshot with delta segments to a repository, made by hand from the parts that write packs: what backups do not
 * write yet, and every reader must read.
 */

import { toHex } from '../../src/base/bytes.ts'
import { createZstd } from '../../src/codec/zstd.ts'
import { createChunkHasher, hash } from '../../src/crypto/blake3.ts'
import { sealDetails } from '../../src/log/details.ts'
import { ID_BYTES, indexId, type SnapshotId, seriesId, snapshotId } from '../../src/model/ids.ts'
import type { PackKind, PackTable } from '../../src/model/pack-table.ts'
import { indexKey, packKey } from '../../src/object/object-keys.ts'
import { sealNamed } from '../../src/object/sealed-object.ts'
import { encodeIndex } from '../../src/pack/index-object.ts'
import { makePackTicket } from '../../src/pack/pack-header.ts'
import { PackWriter, packBufferBytes } from '../../src/pack/pack-writer.ts'
import { encodeSegment } from '../../src/pack/segment.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { type Content, encodeContent } from '../../src/snapshot/content.ts'
import { encodeEntry } from '../../src/snapshot/entry.ts'
import { encodeTree } from '../../src/snapshot/tree.ts'
import { Chance } from './builders.ts'

const PACK_TARGET_BYTES = 1024 * 1024
const CHUNK_BYTES = 32_768

type Base = { readonly plain: Uint8Array; readonly id: Uint8Array }

export type DeltaSnapshot = {
  readonly snapshot: SnapshotId
  /** What `/base`, `/delta` and `/deeper` hold; each of the last two lies in a delta segment over the one before. */
  readonly files: Readonly<Record<DeltaFile, Uint8Array>>
  /** The packs of the three files, each alone in its pack. */
  readonly packs: Readonly<Record<DeltaFile, PackTable>>
}

export type DeltaFile = 'base' | 'delta' | 'deeper'

export type DeltaOptions = {
  readonly seed?: number
  /** How long each of the three files, all of one chunk, is. */
  readonly chunkBytes?: number
  /** Those that the snapshot holds; the chunks of the others are stored all the same. */
  readonly names?: readonly DeltaFile[]
  /** The segment of `/deeper` holds another chunk, which no snapshot needs. */
  readonly companion?: boolean
  /** A fourth file, `/beside`, lies in the pack of `/deeper`, in a segment without bases. */
  readonly beside?: Uint8Array
}

export async function addDeltaSnapshot(
  repository: Repository,
  {
    seed = 1,
    chunkBytes = CHUNK_BYTES,
    names = ['base', 'deeper', 'delta'],
    companion = false,
    beside = new Uint8Array(0),
  }: DeltaOptions = {},
): Promise<DeltaSnapshot> {
  const { storage, random, keys, log, id: repositoryId } = repository
  const box = await repository.box()
  const zstd = createZstd()
  const hasher = createChunkHasher(keys.idKey)
  const idOf = (plain: Uint8Array): Uint8Array => {
    const id = new Uint8Array(32)
    hasher.hashInto(plain, id, 0)
    return id
  }
  const store = async (
    kind: PackKind,
    chunk: Uint8Array,
    base?: Base,
    depth = 0,
    other: Uint8Array = new Uint8Array(0),
    plainBeside: Uint8Array = new Uint8Array(0),
  ): Promise<PackTable> => {
    const ticket = makePackTicket(repositoryId, kind, keys, box, random)
    using writer = new PackWriter(
      ticket,
      new Uint8Array(packBufferBytes(PACK_TARGET_BYTES)),
      PACK_TARGET_BYTES,
    )
    const addSegment = (contents: readonly Uint8Array[], over?: Base): void => {
      const chunks = contents.filter(({ length }) => length > 0)
      if (chunks.length === 0) return
      const plain = Buffer.concat(chunks)
      const into = new Uint8Array(plain.length + 64)
      const bases = over?.id ?? new Uint8Array(0)
      const delta = over === undefined ? undefined : { depth, ids: bases, dictionary: over.plain }
      const length = encodeSegment(zstd, plain, 3, into, delta)
      writer.add(into.subarray(0, length), {
        plain: plain.length,
        depth: over === undefined ? 0 : depth,
        bases,
        chunkLengths: Uint32Array.from(chunks, ({ length }) => length),
        chunkIds: Buffer.concat(chunks.map(idOf)),
      })
    }
    addSegment([plainBeside])
    addSegment([chunk, other], base)
    const { bytes, table } = writer.finish()
    await storage.put(packKey(table.id), [bytes])
    return table
  }

  const chance = new Chance(seed)
  const base = chance.bytes(chunkBytes)
  const delta = edited(base, chance)
  const deeper = edited(delta, chance)
  const files = { base, delta, deeper }
  const packs = {
    base: await store('data', base),
    delta: await store('data', delta, { plain: base, id: idOf(base) }, 1),
    deeper: await store(
      'data',
      deeper,
      { plain: delta, id: idOf(delta) },
      2,
      companion ? edited(delta, chance) : undefined,
      beside,
    ),
  }
  const contentOf = (plain: Uint8Array): Content => ({
    levels: 0,
    items: Buffer.concat([Uint8Array.of(1), idOf(plain)]),
  })
  const tree = encodeTree(
    [],
    [...names, ...(beside.length === 0 ? [] : ['beside' as const])].sort().map((name) => {
      const plain = name === 'beside' ? beside : files[name]
      return encodeEntry({ ...FILE, name, size: plain.length, content: contentOf(plain) })
    }),
  )
  const tables = [...Object.values(packs), await store('tree', tree)]

  const index = indexId(toHex(random.bytes(ID_BYTES)))
  const place = { repositoryId, type: 'index', key: indexKey(index), secret: keys.indexKey } as const
  const indexBytes = sealNamed({ ...place, body: encodeIndex(tables), random })
  await storage.put(place.key, [indexBytes])
  const snapshot = snapshotId(toHex(random.bytes(ID_BYTES)))
  await log.append((state) => ({
    kind: 'commit',
    snapshot,
    series: seriesId('00'.repeat(ID_BYTES)),
    headRead: state.next - 1,
    timeMs: repository.clock.now(),
    root: encodeContent(contentOf(tree)),
    indexes: [{ id: index, hash: hash(indexBytes) }],
    details: sealDetails(box, keys.contentPublic, DETAILS),
  }))
  await log.follow()
  return { snapshot, files, packs }
}

/** A few bytes differ. */
function edited(bytes: Uint8Array, chance: Chance): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(bytes)
  const edits = Math.min(20, Math.ceil(bytes.length / 128))
  for (let edit = 0; edit < edits; edit++) copy[chance.int(copy.length)] = chance.int(256)
  return copy
}

const FILE = {
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSec: 1_700_000_000,
  mtimeNsec: 5,
  ctimeSec: 1_700_000_000,
  ctimeNsec: 6,
  inode: 1,
} as const

const DETAILS = {
  hostname: 'host',
  username: 'user',
  paths: ['/'],
  tags: [],
  program: { name: 'snap', version: '0' },
  excludes: [],
  incomplete: false,
  unreadable: [],
  summary: {},
}
