/** Index objects that lie about packs, each with a snapshot whose file needs what the lie is about. */
import { ByteWriter, fromHex } from '../../../src/base/bytes.ts'
import { indexId, packId } from '../../../src/model/ids.ts'
import type { PackTable, SegmentRow } from '../../../src/model/pack-table.ts'
import { indexKey } from '../../../src/object/object-keys.ts'
import { padmeBytes } from '../../../src/object/padme.ts'
import { encodeIndex } from '../../../src/pack/index-object.ts'
import { encodeContent } from '../../../src/snapshot/content.ts'
import { Chance } from '../builders.ts'
import { type Attacked, framed, hashOf } from './attacked.ts'
import { entryBytes, HostileSnapshot, items, treeBytes } from './hostile-snapshot.ts'

export type IndexCase = {
  readonly name: string
  /** Bodies of index objects in the place of the honest one over `tables`: a data pack of two segments first, then a tree pack. */
  readonly bodies: (tables: readonly PackTable[], attacked: Attacked) => readonly Uint8Array[]
  /** Everything is readable all the same. */
  readonly sound?: boolean
  /** Not in one repository with others. */
  readonly alone?: boolean
}

type Lie = (pack: PackTable) => Partial<PackTable>

const changed = (tables: readonly PackTable[], lie: Lie): PackTable[] =>
  tables.map((table, at) => (at === 0 ? { ...table, ...lie(table) } : table))

/** The data pack's row says something else. */
const pack = (name: string, lie: Lie, sound = false): IndexCase => ({
  name,
  sound,
  bodies: (tables) => [encodeIndex(changed(tables, lie))],
})

/** The row of its first segment says something else. */
const row = (name: string, lie: (row: SegmentRow) => Partial<SegmentRow>, sound = false): IndexCase =>
  pack(
    name,
    ({ segments: [first, ...rest] }) => ({ segments: [{ ...first!, ...lie(first!) }, ...rest] }),
    sound,
  )

const LARGEST = Number.MAX_SAFE_INTEGER
const lengths = (...of: number[]): { chunkLengths: Uint32Array; chunkIds: Uint8Array } => ({
  chunkLengths: Uint32Array.from(of),
  chunkIds: new Uint8Array(of.length * 32).fill(7),
})
const noise = new Chance(21)

export const INDEX_CASES: readonly IndexCase[] = [
  pack('a pack of fewer bytes than its segments', () => ({ bytes: 200 })),
  pack('a pack of no bytes', () => ({ bytes: 0 })),
  pack('a pack of more bytes than it has', ({ bytes }) => ({ bytes: bytes + 1 })),
  pack('a pack of 64 MiB', () => ({ bytes: 67_108_864 })),
  pack('a pack above 64 MiB', () => ({ bytes: 67_108_865 })),
  pack('a pack of 2^53 - 1 bytes', () => ({ bytes: LARGEST })),
  pack('a data pack that is called a tree pack', () => ({ kind: 'tree' }), true),
  pack('a pack without segments', () => ({ segments: [] })),
  pack('segments in another order', ({ segments }) => ({ segments: segments.toReversed() })),
  pack('a segment twice', ({ segments, bytes }) => ({
    segments: [segments[0]!, ...segments],
    bytes: bytes + 10_000,
  })),
  pack('only the second segment', ({ segments }) => ({ segments: segments.slice(1) })),
  pack('65,536 segments', ({ segments }) => ({
    segments: Array.from({ length: 65_536 }, () => segments[0]!),
    bytes: 67_108_864,
  })),
  pack('20,000 segments, most of them beyond the pack', ({ segments }) => ({
    segments: [...segments, ...Array.from({ length: 20_000 }, () => segments[0]!)],
    bytes: 67_108_864,
  })),
  pack('a pack that does not exist', () => ({ id: packId('0a'.repeat(16)) })),
  row('a segment that reaches into the next', ({ sealed }) => ({ sealed: sealed + 1 })),
  row('a segment that ends too soon', ({ sealed }) => ({ sealed: sealed - 1 })),
  row('a segment of no sealed bytes', () => ({ sealed: 0 })),
  row('a segment of 2^40 sealed bytes', () => ({ sealed: 2 ** 40 })),
  pack('a segment that ends beyond its pack', ({ segments: [first, ...rest] }) => ({
    bytes: 67_108_864,
    segments: [{ ...first!, sealed: 2_000_000 }, ...rest],
  })),
  row('chunks that do not add up', ({ plain }) => ({ plain: plain + 1 })),
  row('a segment of no plain bytes', () => ({ plain: 0 })),
  row('a segment of 2^32 plain bytes', () => ({ plain: 2 ** 32, ...lengths(2 ** 32 - 1, 1) })),
  row('a chunk of no bytes', ({ plain, chunkIds }) => ({
    chunkLengths: Uint32Array.of(plain, 0),
    chunkIds: Buffer.concat([chunkIds, new Uint8Array(32)]),
  })),
  row('a segment without chunks', () => ({ plain: 1, ...lengths() })),
  row('a chunk larger than its segment', ({ plain, chunkIds }) => ({
    plain: plain + 100,
    chunkLengths: Uint32Array.of(plain + 100),
    chunkIds,
  })),
  row('a chunk smaller than it is', ({ plain, chunkIds }) => ({
    plain: plain - 1,
    chunkLengths: Uint32Array.of(plain - 1),
    chunkIds,
  })),
  row('a chunk above 1 MiB', ({ chunkIds }) => ({
    plain: 1_048_577,
    chunkLengths: Uint32Array.of(1_048_577),
    chunkIds,
  })),
  row('a chunk in two', ({ plain, chunkIds }) => ({
    chunkLengths: Uint32Array.of(1, plain - 1),
    chunkIds: Buffer.concat([new Uint8Array(32), chunkIds]),
  })),
  row('100,000 chunks of a byte', () => ({
    plain: 100_000,
    ...lengths(...new Array<number>(100_000).fill(1)),
  })),
  row('a depth without bases', () => ({ depth: 1 })),
  row('bases without a depth', () => ({ bases: new Uint8Array(32) })),
  row('a depth of nine', () => ({ depth: 9, bases: new Uint8Array(32) })),
  row('a delta segment over an absent base', () => ({ depth: 1, bases: new Uint8Array(32).fill(3) })),
  row('a delta segment over itself', ({ chunkIds }) => ({ depth: 8, bases: chunkIds.slice(0, 32) })),
  row('257 bases', () => ({ depth: 1, bases: new Uint8Array(257 * 32) })),
  {
    name: 'ids of two segments exchanged',
    bodies: (tables) => [
      encodeIndex(
        changed(tables, ({ segments: [one, two] }) => ({
          segments: [
            { ...one!, chunkIds: two!.chunkIds },
            { ...two!, chunkIds: one!.chunkIds },
          ],
        })),
      ),
    ],
  },
  {
    name: 'two tables of one pack, the lie first',
    bodies: (tables) => [
      encodeIndex(changed(tables, ({ segments }) => ({ segments: segments.toReversed() }))),
      encodeIndex(tables),
    ],
  },
  {
    name: 'two tables of one pack, the lie last',
    sound: true,
    bodies: (tables) => [
      encodeIndex(tables),
      encodeIndex(changed(tables, ({ segments }) => ({ segments: segments.toReversed() }))),
    ],
  },
  {
    name: 'two tables of one pack in one object',
    bodies: (tables) => [
      encodeIndex([...changed(tables, ({ segments }) => ({ segments: segments.slice(1) })), ...tables]),
    ],
  },
  {
    name: 'a lie about a pack of the good snapshot',
    sound: true,
    bodies: (tables, { repo }) => {
      const { packs } = repo.repository.manifest
      const good = packs.list()[0]!
      const [segment] = packs.tableOf(good.no)
      const lie = {
        id: good.id,
        kind: 'tree',
        bytes: 4_000,
        segments: [{ ...segment!, sealed: 30 }],
      } as const
      return [encodeIndex([lie, ...tables])]
    },
  },
  {
    name: 'chunks of the good snapshot claimed for another pack',
    bodies: (tables, { repo }) => {
      const { packs } = repo.repository.manifest
      const claimed = packs
        .list()
        .flatMap(({ no }) => packs.tableOf(no).map(({ chunkIds }) => chunkIds.slice()))
      const ids = Buffer.concat(claimed)
      const count = ids.length / 32
      return [
        encodeIndex(
          changed(tables, ({ segments: [first, ...rest] }) => ({
            segments: [
              { ...first!, plain: count * 9, chunkLengths: new Uint32Array(count).fill(9), chunkIds: ids },
              ...rest,
            ],
          })),
        ),
      ]
    },
  },
  ...(
    [
      ['no bytes', new Uint8Array(0)],
      ['noise', noise.bytes(700)],
      ['2^40 packs', new ByteWriter().varint(2 ** 40).done()],
      ['a million packs that are not there', new ByteWriter().varint(1_000_000).zeros(100).done()],
      ['a varint of nine bytes', new Uint8Array(300).fill(255)],
      ['an unknown kind of pack', new ByteWriter().varint(1).zeros(16).u8(3).varint(500).varint(0).done()],
      [
        'a count of 2^40 segments',
        new ByteWriter()
          .varint(1)
          .zeros(16)
          .u8(1)
          .varint(500)
          .varint(2 ** 40)
          .done(),
      ],
    ] as const
  ).map(([name, body]): IndexCase => ({ name: `a body of ${name}`, bodies: () => [body] })),
  {
    name: 'bytes behind the last pack',
    bodies: (tables) => [Buffer.concat([encodeIndex(tables), Buffer.alloc(1)])],
  },
  {
    name: '5,000 empty packs that do not exist',
    alone: true,
    bodies: (tables) => {
      const writer = new ByteWriter().varint(5_000)
      for (let n = 0; n < 5_000; n++)
        writer
          .raw(fromHex(String(n).padStart(32, 'e')))
          .u8(1)
          .varint(208)
          .varint(0)
      return [encodeIndex(tables), writer.done()]
    },
  },
]

/** Stores the packs, the index objects of the case and a snapshot; returns the keys of the objects that it added. */
export async function plantIndex(attacked: Attacked, one: IndexCase, seed: number): Promise<string[]> {
  const { repo } = attacked
  const before = new Set(repo.keys())
  const hostile = await HostileSnapshot.begin(repo.repository)
  const chance = new Chance(seed)
  const files = [chance.bytes(900), chance.bytes(700)]
  const ids = [await hostile.chunk(files[0]!), await hostile.chunk(files[1]!)]
  const tree = await hostile.tree(
    treeBytes(
      files.map((bytes, n) =>
        entryBytes({ name: `file${n}`, size: bytes.length, content: items([ids[n]!]) }),
      ),
    ),
  )
  const root = encodeContent(tree)
  await hostile.flush()
  const tables = hostile.tables.toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
  const indexes = []
  for (const body of one.bodies(tables, attacked)) indexes.push(await hostile.index(body))
  const payload = attacked.commit({ root, indexes })
  await repo.repository.log.append(() => payload)
  await repo.repository.log.follow()
  return repo.keys().filter((key) => !before.has(key))
}

/** An index object with padding that is not zero, and a snapshot over it. */
export async function plantPadded(attacked: Attacked): Promise<string> {
  const id = indexId('5a'.repeat(16))
  const key = indexKey(id)
  const body = encodeIndex([])
  const padding = new Uint8Array(padmeBytes(4 + body.length) - 4 - body.length)
  padding[padding.length - 1] = 1
  const { indexKey: secret } = attacked.repo.repository.keys
  const bytes = attacked.frame('index', key, secret, framed(body, padding))
  attacked.plant(key, bytes)
  const payload = attacked.commit({ indexes: [{ id, hash: hashOf(bytes) }] })
  await attacked.repo.repository.log.append(() => payload)
  return key
}
