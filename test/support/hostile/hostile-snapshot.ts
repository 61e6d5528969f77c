/**
 * Writes snapshots that no program of ours would write, with the repository's own keys: any bytes as trees and contents, in
 * real packs, index objects and a signed COMMIT. It checks nothing of what it is given.
 */
import { ByteWriter, encodeText, toHex } from '../../../src/base/bytes.ts'
import { createZstd } from '../../../src/codec/zstd.ts'
import { createChunkHasher, hash } from '../../../src/crypto/blake3.ts'
import type { Box } from '../../../src/crypto/box.ts'
import { sealDetails } from '../../../src/log/details.ts'
import {
  ID_BYTES,
  type IndexId,
  indexId,
  type SeriesId,
  type SnapshotId,
  seriesId,
  snapshotId,
} from '../../../src/model/ids.ts'
import type { PackKind, PackTable, SegmentRow } from '../../../src/model/pack-table.ts'
import { indexKey, packKey } from '../../../src/object/object-keys.ts'
import { sealNamed } from '../../../src/object/sealed-object.ts'
import { encodeIndex } from '../../../src/pack/index-object.ts'
import { makePackTicket } from '../../../src/pack/pack-header.ts'
import { PackWriter, packBufferBytes } from '../../../src/pack/pack-writer.ts'
import { encodeSegment } from '../../../src/pack/segment.ts'
import type { Repository } from '../../../src/repository/repository.ts'
import { type Content, encodeContent } from '../../../src/snapshot/content.ts'
import { type Entry, encodeEntry } from '../../../src/snapshot/entry.ts'

const PACK_TARGET_BYTES = 4 * 1024 * 1024
const NO_BASES = new Uint8Array(0)

export const DETAILS = {
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

const PLAIN_ENTRY: Entry = {
  name: 'entry',
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeSec: 1_700_000_000,
  mtimeNsec: 5,
  ctimeSec: 1_700_000_000,
  ctimeNsec: 6,
  inode: 1,
}

/** An encoded entry; what is not given is that of an empty file. */
export function entryBytes(parts: Partial<Entry> & Pick<Entry, 'name'>): Uint8Array<ArrayBuffer> {
  const mode = parts.type === 'dir' ? 0o755 : 0o644
  return encodeEntry({ ...PLAIN_ENTRY, mode, ...parts })
}

/** A tree of these entries as they come: neither sorted nor checked. */
export function treeBytes(entries: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(256).u8(1).varint(0).varint(entries.length)
  for (const entry of entries) writer.raw(entry)
  return writer.done()
}

export function items(ids: readonly Uint8Array[], levels = 0): Content {
  return { levels, items: Buffer.concat(ids.flatMap((id) => [Uint8Array.of(1), id])) }
}

/** One hole of `bytes` bytes. */
export function hole(bytes: number): Uint8Array {
  return new ByteWriter(16).u8(2).u64(bytes).done()
}

export type CommitParts = {
  readonly series?: SeriesId
  /** The encoded root content. */
  readonly root: Uint8Array
  /** Sealed details. */
  readonly details?: Uint8Array
  readonly timeMs?: number
}

export class HostileSnapshot {
  readonly repository: Repository
  /** Of finished packs; what index objects will say of them may be changed here. */
  readonly tables: PackTable[] = []
  readonly #box: Box
  readonly #zstd = createZstd()
  readonly #idOf: (bytes: Uint8Array) => Uint8Array
  readonly #open = new Map<PackKind, PackWriter>()

  static async begin(repository: Repository): Promise<HostileSnapshot> {
    return new HostileSnapshot(repository, await repository.box())
  }

  private constructor(repository: Repository, box: Box) {
    this.repository = repository
    this.#box = box
    const hasher = createChunkHasher(repository.keys.idKey)
    this.#idOf = (bytes) => {
      const id = new Uint8Array(32)
      hasher.hashInto(bytes, id, 0)
      return id
    }
  }

  idOf(bytes: Uint8Array): Uint8Array {
    return this.#idOf(bytes)
  }

  /** Stores one chunk in a segment of its own. Returns its id. */
  async chunk(bytes: Uint8Array, kind: PackKind = 'data'): Promise<Uint8Array> {
    const into = new Uint8Array(bytes.length + 8)
    const length = encodeSegment(this.#zstd, bytes, 1, into)
    const id = this.#idOf(bytes)
    const plain = bytes.length
    await this.segment(into.subarray(0, length), rowOf(plain, [[plain, id]]), kind)
    return id
  }

  /** Stores any bytes as a segment, with any row. */
  async segment(
    encoded: Uint8Array,
    row: Omit<SegmentRow, 'sealed'>,
    kind: PackKind = 'data',
  ): Promise<void> {
    let writer = this.#open.get(kind)
    if (writer?.isFull) {
      await this.#store(kind, writer)
      writer = undefined
    }
    if (writer === undefined) {
      const { keys, random, id } = this.repository
      const ticket = makePackTicket(id, kind, keys, this.#box, random)
      writer = new PackWriter(ticket, new Uint8Array(packBufferBytes(PACK_TARGET_BYTES)), PACK_TARGET_BYTES)
      this.#open.set(kind, writer)
    }
    writer.add(encoded, row)
  }

  /** A segment compressed against `dictionary`, as far as that makes it smaller. */
  deltaBytes(plain: Uint8Array, depth: number, ids: Uint8Array, dictionary: Uint8Array): Uint8Array {
    const into = new Uint8Array(plain.length + 64 + ids.length)
    return into.subarray(
      0,
      encodeSegment(this.#zstd, plain, 3, into, { depth, ids, dictionary: dictionary.slice() }),
    )
  }

  /** Content of a file with these bytes, at most one chunk. */
  async file(bytes: Uint8Array | string): Promise<Content> {
    return items([await this.chunk(typeof bytes === 'string' ? encodeText(bytes) : bytes)])
  }

  /** Content of a tree with these bytes, at most one chunk. */
  async tree(bytes: Uint8Array): Promise<Content> {
    return items([await this.chunk(bytes, 'tree')])
  }

  /** Directories that lead to `content`, from the root. */
  async below(path: string, content: Content): Promise<Content> {
    let at = content
    for (const name of path
      .split('/')
      .filter((part) => part !== '')
      .reverse()) {
      at = await this.tree(treeBytes([entryBytes({ name, type: 'dir', content: at })]))
    }
    return at
  }

  async #store(kind: PackKind, writer: PackWriter): Promise<void> {
    this.#open.delete(kind)
    const { bytes, table } = writer.finish()
    await this.repository.storage.put(packKey(table.id), [bytes])
    this.tables.push(table)
  }

  /** Closes the packs that are open. */
  async flush(): Promise<void> {
    for (const [kind, writer] of [...this.#open]) await this.#store(kind, writer)
  }

  /** Stores an index object with any body. */
  async index(body: Uint8Array): Promise<{ id: IndexId; hash: Uint8Array }> {
    const { storage, keys, random, id: repositoryId } = this.repository
    const id = indexId(toHex(random.bytes(ID_BYTES)))
    const place = { repositoryId, type: 'index', key: indexKey(id), secret: keys.indexKey } as const
    const bytes = sealNamed({ ...place, body, random })
    await storage.put(place.key, [bytes])
    return { id, hash: hash(bytes) }
  }

  sealedDetails(details: object): Uint8Array {
    return sealDetails(this.#box, this.repository.keys.contentPublic, details as typeof DETAILS)
  }

  /** Any JSON text, or anything else, sealed as details. */
  sealedText(text: Uint8Array): Uint8Array {
    return this.#box.seal(this.repository.keys.contentPublic, text)
  }

  /** Flushes, writes an index object over `tables` (and `bodies`), and commits. */
  async commit(parts: CommitParts, bodies: readonly Uint8Array[] = []): Promise<SnapshotId> {
    await this.flush()
    const { random, log, clock } = this.repository
    const indexes = [await this.index(encodeIndex(this.tables))]
    for (const body of bodies) indexes.push(await this.index(body))
    const snapshot = snapshotId(toHex(random.bytes(ID_BYTES)))
    await log.append((state) => ({
      kind: 'commit',
      snapshot,
      series: parts.series ?? seriesId('00'.repeat(ID_BYTES)),
      headRead: state.next - 1,
      timeMs: parts.timeMs ?? clock.now(),
      root: parts.root,
      indexes,
      details: parts.details ?? this.sealedDetails(DETAILS),
    }))
    await log.follow()
    return snapshot
  }

  /** `content` at `path`, committed. */
  async commitAt(path: string, content: Content, series?: SeriesId): Promise<SnapshotId> {
    const root = encodeContent(await this.below(path, content))
    return this.commit(series === undefined ? { root } : { root, series })
  }
}

export function rowOf(
  plain: number,
  chunks: readonly (readonly [length: number, id: Uint8Array])[],
  depth = 0,
  bases: Uint8Array = NO_BASES,
): Omit<SegmentRow, 'sealed'> {
  return {
    plain,
    depth,
    bases,
    chunkLengths: Uint32Array.from(chunks, ([length]) => length),
    chunkIds: Buffer.concat(chunks.map(([, id]) => id)),
  }
}
