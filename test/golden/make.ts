/**
 * Makes the golden repository: every kind of object, log entry, directory entry and flag of format 1, by hand and from one
 * seed. What it holds is decided here, not read back. Sealed boxes are random by themselves, so the bytes differ from run to run.
 *
 * `write.ts` puts it into this directory. That must not be run to make a failing test pass: a repository that was
 * readable once stays so.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { toHex } from '../../src/base/bytes.ts'
import { compareNames, nameBytes, nameFromBytes } from '../../src/base/names.ts'
import { createChunker } from '../../src/chunker/chunker.ts'
import { gearTable } from '../../src/chunker/gear.ts'
import { createZstd } from '../../src/codec/zstd.ts'
import { createChunkHasher, hash } from '../../src/crypto/blake3.ts'
import { signaturePublicKey } from '../../src/crypto/signature.ts'
import { grantKeys, type RepositoryKeys, type Role } from '../../src/keys/hierarchy.ts'
import { encodeKeyFile } from '../../src/keys/key-file.ts'
import { createSlot } from '../../src/keys/slot.ts'
import { encodeState } from '../../src/log/checkpoint.ts'
import { type SnapshotDetails, sealDetails, sealNote } from '../../src/log/details.ts'
import { appendEntry, preparePayload } from '../../src/log/log.ts'
import type { IndexReference, LogPayload } from '../../src/log/payloads.ts'
import { ID_BYTES, indexId, type SnapshotId, snapshotId } from '../../src/model/ids.ts'
import type { PackKind, PackTable } from '../../src/model/pack-table.ts'
import { indexKey, packKey, slotKey } from '../../src/object/object-keys.ts'
import { sealNamed } from '../../src/object/sealed-object.ts'
import { addKey } from '../../src/ops/keys.ts'
import { encodeIndex } from '../../src/pack/index-object.ts'
import { makePackTicket } from '../../src/pack/pack-header.ts'
import { PackWriter, packBufferBytes } from '../../src/pack/pack-writer.ts'
import { encodeSegment } from '../../src/pack/segment.ts'
import { createRepository } from '../../src/repository/open-repository.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { type Content, encodeContent } from '../../src/snapshot/content.ts'
import { type Entry, encodeEntry } from '../../src/snapshot/entry.ts'
import { seriesOf } from '../../src/snapshot/series.ts'
import { encodeTree } from '../../src/snapshot/tree.ts'
import { createMemoryStorage } from '../../src/storage/memory.ts'
import { Chance } from '../support/builders.ts'
import { type ListingRecord, listingLines } from '../support/independent-reader/listing.ts'

export const PASSWORD = 'golden passw\u00f6rd \u{1f511}'
const SEED = 20_251_121
const CHUNK_BYTES = 4_096
const BUFFER_TARGET_BYTES = 4_194_304
/** What zstd would take for a formatted dictionary. */
const DICTIONARY_MAGIC = [0x37, 0xa4, 0x30, 0xec]
const FORGOTTEN_UNKNOWN = 2_100

export type GoldenSnapshot = {
  readonly id: string
  readonly number: number
  readonly seriesId: string
  readonly timeMs: number
  readonly forgotten: boolean
  readonly held: boolean
  readonly details: SnapshotDetails
  /** What a TAG entry says. */
  readonly tags?: unknown
  /** `listingLines` of everything below `/`, with the SHA-256 of files. */
  readonly entries: readonly string[]
  /** Paths of what changed while it was read, and of what could not be read. */
  readonly changed: readonly string[]
  readonly unreadable: Readonly<Record<string, string>>
}

export type GoldenFacts = {
  readonly repository: string
  readonly password: string
  readonly log: readonly { readonly kind: string; readonly by: 'admin' | 'reader' | 'writer' }[]
  readonly authors: Readonly<Record<'admin' | 'reader' | 'writer', string>>
  readonly note: unknown
  readonly snapshots: readonly GoldenSnapshot[]
  readonly condemnedPacks: readonly string[]
}

export type Golden = {
  readonly objects: ReadonlyMap<string, Uint8Array>
  readonly keyFiles: Readonly<Record<'admin' | 'reader' | 'writer', string>>
  readonly facts: GoldenFacts
}

/** A file, directory or other thing; a directory's children lie in it. */
type Node = Omit<Partial<Entry>, 'name' | 'content' | 'size'> & {
  readonly name: string
  readonly type: Entry['type']
  readonly bytes?: Uint8Array
  readonly content?: Content
  readonly size?: number
  readonly children?: readonly Node[]
}

type Segment = { readonly chunks: readonly Uint8Array[]; readonly level: number; readonly base?: Base }
type Base = { readonly depth: number; readonly chunk: Uint8Array }

export async function makeGolden(): Promise<Golden> {
  const cacheDirectory = mkdtempSync(join(tmpdir(), 'snap-golden-'))
  try {
    return await new Maker(cacheDirectory).make()
  } finally {
    rmSync(cacheDirectory, { recursive: true, force: true })
  }
}

class Maker {
  readonly #chance = new Chance(SEED)
  readonly #cacheDirectory: string
  #now = Date.UTC(2025, 10, 21)
  readonly #clock = { now: () => (this.#now += 1_000) }
  readonly #storage = createMemoryStorage(this.#clock)
  readonly #zstd = createZstd()
  #repository!: Repository
  readonly #facts: { kind: string; by: 'admin' | 'reader' | 'writer' }[] = []

  constructor(cacheDirectory: string) {
    this.#cacheDirectory = cacheDirectory
  }

  async make(): Promise<Golden> {
    const chance = this.#chance
    const [clock, storage, cacheDirectory] = [this.#clock, this.#storage, this.#cacheDirectory]
    const secrets = { admin: chance.bytes(32), reader: chance.bytes(32), writer: chance.bytes(32) }
    this.#repository = await createRepository(
      { storage, cacheDirectory, clock, random: chance },
      {
        secret: async () => ({ kind: 'key file', secret: secrets.admin }),
        slotName: 'key file of the admin',
        chunkBytes: CHUNK_BYTES,
      },
    )
    await using repository = this.#repository
    this.#facts.push({ kind: 'KEYS', by: 'admin' })
    await addKey(repository, {
      secret: { kind: 'password', password: Buffer.from(PASSWORD) },
      name: 'password',
      cost: { passes: 1, memoryBytes: 8_388_608 },
    })
    const reader = await this.#holder('reader', secrets.reader)
    const writer = await this.#holder('writer', secrets.writer)
    const publicKey = (keys: RepositoryKeys) => signaturePublicKey(keys.signingSeed)
    await this.#append('admin', repository.keys, {
      kind: 'keys',
      keys: [
        { publicKey: publicKey(reader), role: 'reader', name: 'r\u00e9ader' },
        { publicKey: publicKey(writer), role: 'writer', name: 'writer' },
        { publicKey: chance.bytes(32), role: 'revoked', name: 'who left' },
      ],
    })

    const first = await this.#firstSnapshot()
    const second = await this.#deltaSnapshot(writer)
    await this.#append('reader', reader, { kind: 'attest', packs: second.packs.map(({ id }) => id) })
    const note = { operation: 'verify', data: true, damages: 0 }
    const sealed = sealNote(await repository.box(), repository.keys.contentPublic, note)
    await this.#append('reader', reader, { kind: 'note', sealed })
    await this.#append('admin', repository.keys, { kind: 'forget', snapshots: [second.id] })
    await this.#append('admin', repository.keys, { kind: 'unforget', snapshots: [second.id] })
    await this.#append('admin', repository.keys, { kind: 'hold', snapshots: [first.id, second.id] })
    await this.#append('admin', repository.keys, { kind: 'unhold', snapshots: [first.id] })
    const tags = sealNote(await repository.box(), repository.keys.contentPublic, { tags: TAGS })
    await this.#append('admin', repository.keys, { kind: 'tag', tags: [{ snapshot: second.id, sealed: tags }] })
    const third = await this.#smallSnapshot('gone')
    const condemned = third.packs.map(({ id }) => id)
    await this.#append('admin', repository.keys, { kind: 'quarantine', packs: condemned.slice(0, 1) })
    const unknown = Array.from({ length: FORGOTTEN_UNKNOWN }, () => snapshotId(toHex(chance.bytes(ID_BYTES))))
    await this.#append('admin', repository.keys, { kind: 'forget', snapshots: [third.id, ...unknown] })
    await this.#collect(third.packs, [first.index, third.index], first.packs, third.id)
    const fourth = await this.#smallSnapshot('forgotten')
    await this.#append('admin', repository.keys, { kind: 'forget', snapshots: [fourth.id] })
    const state = encodeState(repository.log.state)
    await this.#append('admin', repository.keys, { kind: 'checkpoint', state })

    const keyFile = (secret: Uint8Array) => encodeKeyFile({ repositoryId: repository.id, secret })
    return {
      objects: new Map([...storage.objects].map(([key, { bytes }]) => [key, bytes])),
      keyFiles: {
        admin: keyFile(secrets.admin),
        reader: keyFile(secrets.reader),
        writer: keyFile(secrets.writer),
      },
      facts: {
        repository: repository.id,
        password: PASSWORD,
        log: this.#facts,
        authors: {
          admin: toHex(publicKey(repository.keys)),
          reader: toHex(publicKey(reader)),
          writer: toHex(publicKey(writer)),
        },
        note,
        snapshots: [
          first.facts,
          { ...second.facts, held: true, tags: { tags: TAGS } },
          { ...fourth.facts, forgotten: true },
        ],
        condemnedPacks: condemned,
      },
    }
  }

  async #holder(role: Role, secret: Uint8Array): Promise<RepositoryKeys> {
    const { keys, id: repositoryId } = this.#repository
    if (keys.role !== 'admin') throw new Error('the first key is an admin')
    const granted = grantKeys(keys, role, this.#chance)
    const unknown = [{ tag: 200, bytes: Buffer.from('of a later version') }]
    const slot = await createSlot({
      repositoryId,
      secret: { kind: 'key file', secret },
      contents: { keys: granted, name: role, createdMs: this.#clock.now(), unknown },
      random: this.#chance,
    })
    await this.#storage.put(slotKey(slot.id), [slot.bytes])
    return granted
  }

  async #append(
    by: 'admin' | 'reader' | 'writer',
    keys: RepositoryKeys,
    payload: LogPayload,
  ): Promise<number> {
    const { log, id: repositoryId } = this.#repository
    const place = { storage: this.#storage, repositoryId, logKey: keys.logKey }
    const prepared = await preparePayload(place, payload, this.#chance)
    const draft = { prepared, timeMs: this.#clock.now(), signingSeed: keys.signingSeed, random: this.#chance }
    const number = log.state.next
    await appendEntry(place, log.state, draft)
    const [entry] = await log.follow()
    if (entry?.applied === undefined || entry.problems.length > 0)
      throw new Error(`entry ${number}: ${JSON.stringify(entry?.problems)}`)
    this.#facts.push({ kind: payload.kind.toUpperCase(), by })
    return number
  }

  #id(chunk: Uint8Array): Uint8Array {
    const id = new Uint8Array(32)
    createChunkHasher(this.#repository.keys.idKey).hashInto(chunk, id, 0)
    return id
  }

  async #pack(kind: PackKind, segments: readonly Segment[]): Promise<PackTable> {
    const { id, keys } = this.#repository
    const ticket = makePackTicket(id, kind, keys, await this.#repository.box(), this.#chance)
    const buffer = new Uint8Array(packBufferBytes(BUFFER_TARGET_BYTES))
    using writer = new PackWriter(ticket, buffer, BUFFER_TARGET_BYTES)
    for (const { chunks, level, base } of segments) {
      const plain = Buffer.concat(chunks)
      const bases = base === undefined ? new Uint8Array(0) : this.#id(base.chunk)
      const delta = base && { depth: base.depth, ids: bases, dictionary: base.chunk }
      const into = new Uint8Array(plain.length + 64)
      const length = encodeSegment(this.#zstd, plain, level, into, delta)
      if (base !== undefined && into[1] !== base.depth) throw new Error('a delta segment did not come about')
      writer.add(into.subarray(0, length), {
        plain: plain.length,
        depth: base?.depth ?? 0,
        bases,
        chunkLengths: Uint32Array.from(chunks, (chunk) => chunk.length),
        chunkIds: Buffer.concat(chunks.map((chunk) => this.#id(chunk))),
      })
    }
    const { bytes, table } = writer.finish()
    await this.#storage.put(packKey(table.id), [bytes])
    return table
  }

  /** Cut as the format says. */
  #cut(bytes: Uint8Array): Uint8Array[] {
    const { keys, config } = this.#repository
    const chunker = createChunker(gearTable(keys.gearSecret), 1_048_576)
    chunker.window.set(bytes)
    const count = chunker.cut(0, bytes.length, true, config.chunks)
    const ends = [...chunker.ends.subarray(0, count)]
    return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
  }

  #items(chunks: readonly Uint8Array[]): Uint8Array {
    return Buffer.concat(chunks.flatMap((chunk) => [Uint8Array.of(1), this.#id(chunk)]))
  }

  #content(...parts: readonly (Uint8Array | number)[]): Content {
    const items = parts.map((part) => (typeof part === 'number' ? hole(part) : this.#items([part])))
    return { levels: 0, items: Buffer.concat(items) }
  }

  async #index(tables: readonly PackTable[]): Promise<IndexReference> {
    const { id: repositoryId, keys } = this.#repository
    const id = indexId(toHex(this.#chance.bytes(ID_BYTES)))
    const place = { repositoryId, type: 'index', key: indexKey(id), secret: keys.indexKey } as const
    const bytes = sealNamed({ ...place, body: encodeIndex(tables), random: this.#chance })
    await this.#storage.put(place.key, [bytes])
    return { id, hash: hash(bytes) }
  }

  /** Trees from the leaves up; the chunks of all of them are added to `chunks`. */
  #tree(nodes: readonly Node[], chunks: Uint8Array[]): Content {
    const entries = nodes.map((node) => {
      const { bytes: _, children, ...rest } = node
      const content = children === undefined ? node.content : this.#tree(children, chunks)
      return { ...DEFAULTS, ...rest, size: node.size ?? node.bytes?.length ?? 0, content }
    })
    entries.sort((a, b) => compareNames(a.name, b.name))
    const owners = [
      { kind: 'group', number: 100, name: 'users' },
      { kind: 'user', number: 1_000, name: 'al\u00efce' },
    ] as const
    const encoded = encodeTree(owners, entries.map(encodeEntry))
    const own = this.#cut(encoded)
    for (const chunk of own)
      if (!chunks.some((known) => Buffer.compare(known, chunk) === 0)) chunks.push(chunk)
    return { levels: 0, items: this.#items(own) }
  }

  async #commit(
    by: 'admin' | 'writer',
    keys: RepositoryKeys,
    nodes: readonly Node[],
    data: readonly PackTable[],
    listChunks: readonly Uint8Array[] = [],
  ): Promise<{ id: SnapshotId; index: IndexReference; packs: PackTable[]; facts: GoldenSnapshot }> {
    const trees: Uint8Array[] = [...listChunks]
    const root = this.#tree(nodes, trees)
    const packs = [...data, await this.#pack('tree', [{ chunks: trees, level: 3 }])]
    const index = await this.#index(packs)
    const { log, keys: own } = this.#repository
    const id = snapshotId(toHex(this.#chance.bytes(ID_BYTES)))
    const timeMs = this.#clock.now()
    const series = seriesOf(
      own.idKey,
      'golden.example',
      by === 'admin' ? { paths: PATHS } : { job: 'nightly' },
    )
    const facts = factsOf(nodes)
    const details: SnapshotDetails = {
      ...DETAILS,
      ...(by === 'writer' ? { label: 'delta', job: 'nightly' } : {}),
      incomplete: Object.keys(facts.unreadable).length > 0,
      unreadable: Object.entries(facts.unreadable).map(([path, reason]) => ({ path, reason })),
    }
    const number = await this.#append(by, keys, {
      kind: 'commit',
      snapshot: id,
      series,
      headRead: log.state.next - 1,
      timeMs,
      root: encodeContent(root),
      indexes: [{ id: index.id, hash: index.hash }],
      details: sealDetails(await this.#repository.box(), own.contentPublic, details),
    })
    return {
      id,
      index,
      packs,
      facts: { id, number, seriesId: series, timeMs, forgotten: false, held: false, details, ...facts },
    }
  }

  /** Every type and flag, a list of chunks of level 1, holes. */
  async #firstSnapshot() {
    const chance = this.#chance
    const block = wordy(chance, 90_000)
    const text = Buffer.concat([block, wordy(chance, 120_000), block])
    const chunks = this.#cut(text)
    const [head, tail, linked, stored] = [
      chance.text(900),
      chance.text(700),
      chance.text(500),
      chance.bytes(600),
    ]
    const lists = this.#cut(this.#items(chunks))
    const unique = chunks.filter(
      (chunk, at) => chunks.findIndex((other) => Buffer.compare(other, chunk) === 0) === at,
    )
    const half = Math.ceil(unique.length / 2)
    const data = await this.#pack('data', [
      { chunks: unique.slice(0, half), level: 3 },
      { chunks: unique.slice(half), level: 19 },
      { chunks: [head, tail, linked], level: 1 },
      { chunks: [stored], level: 0 },
    ])
    if (chunks.length <= 64) throw new Error(`the long file has ${chunks.length} chunks`)
    const hardLink = { links: 2, device: 2_049 }
    const file = (name: string, bytes: Uint8Array): Node => ({
      name,
      type: 'file',
      bytes,
      content: this.#content(bytes),
    })
    const nodes: Node[] = [
      {
        name: 'golden',
        type: 'dir',
        mode: 0o755,
        children: [
          { name: 'long', type: 'file', bytes: text, content: { levels: 1, items: this.#items(lists) } },
          {
            ...file('stored', stored),
            mode: 0o4711,
            uid: 1_000,
            gid: 100,
            mtimeSec: -2,
            mtimeNsec: 500_000_000,
          },
          { name: 'empty', type: 'file', bytes: new Uint8Array(0), mode: 0 },
          { name: 'empty directory', type: 'dir', mode: 0o1777, children: [] },
          {
            name: 'sparse',
            type: 'file',
            bytes: Buffer.concat([head, Buffer.alloc(1_000_000), tail]),
            content: this.#content(head, 1_000_000, tail),
          },
          { name: 'only a hole', type: 'file', bytes: Buffer.alloc(70_000), content: this.#content(70_000) },
          { ...file('link a', linked), inode: 99, hardLink },
          { name: 'links', type: 'dir', children: [{ ...file('link b', linked), inode: 99, hardLink }] },
          { ...file(nameFromBytes(Buffer.from([0x66, 0xff, 0x0a, 0xc3])), head), mtimeSec: 2_000_000_000 },
          { ...file('\u00fcml\u00e4ut \u{1f511}', tail) },
          { ...file('changed', tail), changed: true },
          { name: 'unreadable', type: 'file', size: 4_711, unreadable: 'EACCES' },
          { name: 'unlisted', type: 'dir', mode: 0o700, children: [], unreadable: 'EIO' },
          {
            name: 'symlink',
            type: 'symlink',
            mode: 0o777,
            target: nameFromBytes(Buffer.from('../\xfe b', 'latin1')),
          },
          { name: 'fifo', type: 'fifo', mode: 0o620 },
          { name: 'char', type: 'char', mode: 0o666, device: { major: 1, minor: 3 } },
          { name: 'block', type: 'block', mode: 0o660, device: { major: 259, minor: 70_000 } },
          { name: 'socket', type: 'socket', mode: 0o755 },
          {
            ...file('attributes', head),
            xattrs: [
              { name: 'user.colour', value: Buffer.from('blue') },
              { name: 'user.empty', value: new Uint8Array(0) },
              { name: 'user.z\u00e9ro', value: Buffer.from([0, 255]) },
            ],
          },
        ],
      },
    ]
    return await this.#commit('admin', this.#repository.keys, nodes, [data], lists)
  }

  /** By the writer: segments of depth 1 and 2, whose dictionaries begin like formatted ones. */
  async #deltaSnapshot(writer: RepositoryKeys) {
    const base = this.#chance.bytes(6_000)
    base.set(DICTIONARY_MAGIC)
    const delta = this.#edited(base)
    const deeper = this.#edited(delta)
    const packs = [
      await this.#pack('data', [{ chunks: [base], level: 3 }]),
      await this.#pack('data', [{ chunks: [delta], level: 3, base: { depth: 1, chunk: base } }]),
      await this.#pack('data', [{ chunks: [deeper], level: 3, base: { depth: 2, chunk: delta } }]),
    ]
    const files = Object.entries({ base, delta, deeper }).map(
      ([name, bytes]): Node => ({ name, type: 'file', bytes, content: this.#content(bytes) }),
    )
    return await this.#commit('writer', writer, [{ name: 'golden', type: 'dir', children: files }], packs)
  }

  /** One file, to be forgotten. */
  async #smallSnapshot(name: string) {
    const bytes = this.#chance.text(400)
    const packs = [await this.#pack('data', [{ chunks: [bytes], level: 3 }])]
    const gone: Node = { name, type: 'file', bytes, content: this.#content(bytes) }
    return await this.#commit('admin', this.#repository.keys, [gone], packs)
  }

  /** The packs `gone` go, with `indexes`, in whose place comes one over the packs `kept`, and the snapshot `pruned`. */
  async #collect(
    gone: readonly PackTable[],
    indexes: readonly IndexReference[],
    kept: readonly PackTable[],
    pruned: SnapshotId,
  ): Promise<void> {
    const fresh = await this.#index(kept)
    const packs = gone.map(({ id }) => id)
    const ids = indexes.map(({ id }) => id)
    await this.#append('admin', this.#repository.keys, {
      kind: 'gc',
      packs,
      indexes: ids,
      newIndexes: [fresh],
      snapshots: [pruned],
    })
    for (const id of packs) await this.#storage.remove(packKey(id))
    for (const id of ids) await this.#storage.remove(indexKey(id))
  }

  #edited(bytes: Uint8Array): Uint8Array {
    const copy = new Uint8Array(bytes)
    for (let edit = 0; edit < 20; edit++)
      copy[this.#chance.between(4, copy.length - 1)] = this.#chance.int(256)
    return copy
  }
}

const DEFAULTS = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSec: 1_700_000_000,
  mtimeNsec: 123_456_789,
  ctimeSec: 1_700_000_001,
  ctimeNsec: 999_999_999,
  inode: 4_711,
} as const

const PATHS = ['/golden', '/gone', '/forgotten']
const TAGS = ['golden', 'tagged later', 't\u00e4g']

const DETAILS = {
  hostname: 'golden.example',
  username: 'al\u00efce',
  paths: PATHS,
  tags: ['golden', 'v1'],
  program: { name: 'snap', version: '1.0.0' },
  excludes: ['*.tmp'],
  summary: { files: 12, bytes: 345_678 },
}

function hole(bytes: number): Uint8Array {
  const item = Buffer.alloc(9)
  item.writeUInt8(2)
  item.writeBigUInt64LE(BigInt(bytes), 1)
  return item
}

/** Text of a few words: compresses to a tenth. */
function wordy(chance: Chance, bytes: number): Uint8Array {
  const sentences = Array.from({ length: 48 }, () => Buffer.from(chance.text(chance.between(30, 90))))
  const parts: Buffer[] = []
  for (let length = 0; length < bytes; length += parts.at(-1)!.length) parts.push(sentences[chance.int(48)]!)
  return Buffer.concat(parts).subarray(0, bytes)
}

/** What a reader must find, from what went in. */
function factsOf(nodes: readonly Node[]): Pick<GoldenSnapshot, 'entries' | 'changed' | 'unreadable'> {
  const records: ListingRecord[] = []
  const changed: string[] = []
  const unreadable: Record<string, string> = {}
  const add = (parent: Buffer, node: Node): void => {
    const path = Buffer.concat([parent, nameBytes(node.name)])
    if (node.changed === true) changed.push(`/${path.toString('latin1')}`)
    if (node.unreadable !== undefined) unreadable[`/${path.toString('latin1')}`] = node.unreadable
    const { mode, uid, gid, mtimeSec, mtimeNsec, inode } = { ...DEFAULTS, ...node }
    records.push({
      path,
      type: node.type,
      mode,
      uid,
      gid,
      size: node.size ?? node.bytes?.length ?? 0,
      mtimeSec: BigInt(mtimeSec),
      mtimeNsec,
      contentDigest: node.bytes && createHash('sha256').update(node.bytes).digest('hex'),
      target: node.target === undefined ? undefined : Buffer.from(nameBytes(node.target)),
      device: node.device,
      linkKey: node.hardLink && `${node.hardLink.device}:${inode}`,
      xattrs: (node.xattrs ?? []).map(({ name, value }) => ({
        name: Buffer.from(nameBytes(name)),
        value: Buffer.from(value),
      })),
    })
    for (const child of node.children ?? []) add(Buffer.concat([path, Buffer.from('/')]), child)
  }
  for (const node of nodes) add(Buffer.alloc(0), node)
  return { entries: listingLines(records), changed, unreadable }
}

/** Replaces what lies in this directory. */
export async function writeGolden(directory: string = import.meta.dirname): Promise<void> {
  const { objects, keyFiles, facts } = await makeGolden()
  rmSync(join(directory, 'v1'), { recursive: true, force: true })
  for (const [key, bytes] of objects) {
    const path = join(directory, 'v1', key)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
  for (const [role, text] of Object.entries(keyFiles)) writeFileSync(join(directory, `v1.${role}.key`), text)
  writeFileSync(join(directory, 'v1.json'), `${JSON.stringify(facts, null, 2)}\n`)
}
