/**
 * Hostile directories and files, each a generator over a snapshot in the making: what it stores ends up as `/hostile` beside a
 * sound `/good` in one snapshot.
 */
import { ByteWriter } from '../../../src/base/bytes.ts'
import type { Content } from '../../../src/snapshot/content.ts'
import type { Entry } from '../../../src/snapshot/entry.ts'
import { Chance } from '../builders.ts'
import { entryBytes, type HostileSnapshot, hole, items, rowOf, treeBytes } from './hostile-snapshot.ts'

export type Case = {
  readonly name: string
  /** The content of the directory `hostile`. */
  readonly build: (hostile: HostileSnapshot, outside: string) => Promise<Content>
  /** Nothing in it has to fail: it is strange, not wrong. */
  readonly sound?: boolean
  /** Restored or refused: as the file system takes it, or where hashes show that the bytes are right. */
  readonly either?: boolean
}

type Parts = Partial<Entry> & Pick<Entry, 'name'>

/** A directory of these entries, as they come. */
const tree = (name: string, entries: readonly Parts[] | (() => readonly Parts[])): Case => ({
  name,
  build: (hostile) =>
    hostile.tree(treeBytes((typeof entries === 'function' ? entries() : entries).map(entryBytes))),
})

/** A directory whose only file is built by `build`. */
const file = (
  name: string,
  build: (hostile: HostileSnapshot) => Promise<Partial<Entry>>,
  sound = false,
): Case => ({
  name,
  sound,
  build: async (hostile) =>
    hostile.tree(treeBytes([entryBytes({ name: 'file', ...(await build(hostile)) })])),
})

/** One entry whose encoded bytes are changed. */
const patched = (name: string, parts: Partial<Entry>, patch: (bytes: Uint8Array) => void): Case => ({
  name,
  build: async (hostile) => {
    const bytes = entryBytes({ name: 'file', ...parts })
    patch(bytes)
    return hostile.tree(treeBytes([bytes]))
  },
})

const raw = (name: string, build: (hostile: HostileSnapshot) => Promise<Content>): Case => ({ name, build })

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const LARGEST = Number.MAX_SAFE_INTEGER
const link = (inode: number) => ({ inode, hardLink: { links: 2, device: 1 } })

const NAMES: readonly Case[] = [
  tree('a name ".."', [{ name: '..' }]),
  tree('a directory ".."', [{ name: '..', type: 'dir' }]),
  tree('a name "."', [{ name: '.' }]),
  tree('an empty name', [{ name: '' }]),
  tree('a name with a slash', [{ name: 'a/b' }]),
  tree('an absolute name', [{ name: '/etc/passwd' }]),
  tree('a name that climbs', [{ name: '../outside/canary' }]),
  tree('a name with NUL', [{ name: 'a\0b' }]),
  tree('a name twice', [{ name: 'a' }, { name: 'a' }]),
  tree('names out of order', [{ name: 'b' }, { name: 'a' }]),
  tree('a name of 1,025 bytes', [{ name: 'n'.repeat(1025) }]),
  tree('a name of 1,024 bytes, which no file system here takes', [{ name: 'n'.repeat(1024) }]),
]

const LINKS: readonly Case[] = [
  tree('a symlink and a directory of the same name', [
    { name: 'a', type: 'symlink', target: '/outside' },
    { name: 'a', type: 'dir' },
  ]),
  {
    name: 'a symlink to outside, then a directory of that name with a child',
    build: async (hostile, outside) => {
      const content = await hostile.file('stolen')
      const child = await hostile.tree(treeBytes([entryBytes({ name: 'canary', size: 6, content })]))
      return hostile.tree(
        treeBytes([
          entryBytes({ name: 'a', type: 'symlink', target: outside }),
          entryBytes({ name: 'a', type: 'dir', content: child }),
        ]),
      )
    },
  },
  {
    name: 'symlinks to outside',
    sound: true,
    build: (hostile, outside) =>
      hostile.tree(
        treeBytes([
          entryBytes({ name: 'a', type: 'symlink', target: outside, mode: 0o777 }),
          entryBytes({ name: 'b', type: 'symlink', target: '../../outside/canary', mode: 0 }),
        ]),
      ),
  },
  {
    name: 'a hard link group that begins with a symlink to outside',
    either: true,
    build: (hostile, outside) =>
      hostile.tree(
        treeBytes([
          entryBytes({
            name: 'a',
            type: 'symlink',
            target: `${outside}/canary`,
            ...link(7),
          }),
          entryBytes({ name: 'b', ...link(7) }),
        ]),
      ),
  },
  raw('a hard link group whose first member fails', async (hostile) => {
    const missing = hostile.idOf(new Uint8Array(77))
    const content = items([missing])
    return hostile.tree(
      treeBytes([
        entryBytes({ name: 'a', size: 77, content, ...link(8) }),
        entryBytes({ name: 'b', size: 77, content, ...link(8) }),
      ]),
    )
  }),
  tree('a hard-linked directory', [{ name: 'a', type: 'dir', ...link(9) }]),
  tree('an empty link target', [{ name: 'a', type: 'symlink', target: '' }]),
  tree('a link target with NUL', [{ name: 'a', type: 'symlink', target: 'a\0b' }]),
  tree('a symlink without a target', [{ name: 'a', type: 'symlink' }]),
]

const SHAPES: readonly Case[] = [
  {
    ...tree('FIFOs and sockets', [
      { name: 'fifo', type: 'fifo' },
      { name: 'socket', type: 'socket' },
    ]),
    sound: true,
  },
  {
    ...tree('devices', [
      { name: 'mem', type: 'char', mode: 0o666, device: { major: 1, minor: 1 } },
      { name: 'sda', type: 'block', device: { major: 8, minor: 0 } },
    ]),
    sound: true,
  },
  tree('a device number beyond the system', [
    { name: 'x', type: 'char', device: { major: 0xffff_ffff, minor: 0xffff_ffff } },
  ]),
  tree('a device without a number', [{ name: 'x', type: 'char' }]),
  tree('a file with a device number', [{ name: 'x', device: { major: 1, minor: 1 } }]),
  tree('a directory with a size', [{ name: 'x', type: 'dir', size: 1 }]),
  tree('a directory without content', [{ name: 'x', type: 'dir' }]),
  tree('a file with a size and no content', [{ name: 'x', size: 5 }]),
  tree('xattrs whose names hold NUL', [
    { name: 'x', xattrs: [{ name: 'user.a\0b', value: new Uint8Array(1) }] },
  ]),
  tree('xattrs without a name', [{ name: 'x', xattrs: [{ name: '', value: new Uint8Array(1) }] }]),
  tree('an xattr twice', [
    {
      name: 'x',
      xattrs: [
        { name: 'user.a', value: new Uint8Array(1) },
        { name: 'user.a', value: new Uint8Array(2) },
      ],
    },
  ]),
  tree('1,025 xattrs', () => [
    {
      name: 'x',
      xattrs: Array.from({ length: 1025 }, (_, n) => ({ name: `user.${n}`, value: new Uint8Array(1) })),
    },
  ]),
  {
    ...tree('times beyond every calendar', [
      { name: 'x', mtimeSec: LARGEST, ctimeSec: -LARGEST },
      { name: 'y', mtimeSec: -LARGEST },
    ]),
    sound: true,
  },
  {
    ...tree('setuid without an owner who may', [
      { name: 'x', mode: 0o7777, uid: 0xffff_fffe, gid: 0xffff_fffe },
    ]),
    sound: true,
  },
  {
    ...tree('terminal escapes in names and targets', [
      { name: '\u001b[2J\u001b]0;x\u0007', type: 'symlink', target: '\u001b[31m' },
      { name: 'x\ny\u202e', size: 0 },
    ]),
    sound: true,
  },
  patched('an unknown type', {}, (bytes) => (bytes[4] = 9)),
  patched('unknown flags', {}, (bytes) => (bytes[5] = 128)),
  patched('mode bits beyond twelve', {}, (bytes) => view(bytes).setUint16(6, 0xffff, true)),
  patched('nanoseconds beyond a second', {}, (bytes) => view(bytes).setUint32(32, 0xffff_ffff, true)),
  patched('a size above 2^53', {}, (bytes) => view(bytes).setUint32(20, 0xffff_ffff, true)),
  patched('an entry longer than its tree', {}, (bytes) => view(bytes).setUint32(0, 0x7fff_ffff, true)),
  patched('an entry shorter than its fields', {}, (bytes) => view(bytes).setUint32(0, 59, true)),
  patched('an entry of no bytes', {}, (bytes) => view(bytes).setUint32(0, 0, true)),
  patched('a name longer than its entry', {}, (bytes) => view(bytes).setUint16(56, 1000, true)),
  raw('a tree of noise', (hostile) => hostile.tree(new Chance(3).bytes(5_000))),
  raw('a tree of another version', (hostile) => hostile.tree(Uint8Array.of(2, 0, 0))),
  raw('a tree that counts 2^24 entries', (hostile) =>
    hostile.tree(new ByteWriter().u8(1).varint(0).varint(16_777_216).done()),
  ),
  raw('a tree that counts 65,536 owners', (hostile) =>
    hostile.tree(new ByteWriter().u8(1).varint(65_536).zeros(100).done()),
  ),
  raw('a tree with bytes behind its entries', (hostile) =>
    hostile.tree(Buffer.concat([treeBytes([]), Buffer.alloc(10)])),
  ),
]

const CONTENTS: readonly Case[] = [
  {
    ...file('a file of 2^53 - 1 bytes that is one hole', async () => ({
      size: LARGEST,
      content: { levels: 0, items: hole(LARGEST) },
    })),
    either: true,
  },
  file(
    'a file of 2^40 bytes that is one hole and a chunk',
    async (hostile) => ({
      size: 2 ** 40 + 4,
      content: {
        levels: 0,
        items: Buffer.concat([hole(2 ** 40), (await hostile.file('tail')).items]),
      },
    }),
    true,
  ),
  file('holes that add up to more than 2^53', async () => ({
    size: LARGEST,
    content: { levels: 0, items: Buffer.concat([hole(LARGEST), hole(LARGEST)]) },
  })),
  file('a hole of no bytes', async () => ({ size: 0, content: { levels: 0, items: hole(0) } })),
  file('a size above that of its chunks', async (hostile) => ({
    size: 100,
    content: await hostile.file('short'),
  })),
  file('a size below that of its chunks', async (hostile) => ({
    size: 2,
    content: await hostile.file('long'),
  })),
  file('a chunk that does not exist', async (hostile) => ({
    size: 9,
    content: items([hostile.idOf(new Uint8Array(9))]),
  })),
  file('a chunk that exists and one that does not', async (hostile) => ({
    size: 13,
    content: items([await hostile.chunk(new Uint8Array(4)), hostile.idOf(new Uint8Array(9))]),
  })),
  file('an unknown kind of item', async () => ({
    size: 1,
    content: { levels: 0, items: new Uint8Array(40).fill(3) },
  })),
  file('items that end within an id', async () => ({
    size: 1,
    content: { levels: 0, items: Uint8Array.of(1, 2, 3) },
  })),
  file('levels above the limit', async (hostile) => ({
    size: 1,
    content: { ...(await hostile.file('x')), levels: 5 },
  })),
  file('a list of lists with a hole', async () => ({ size: 8, content: { levels: 2, items: hole(8) } })),
  file('a list that ends within an item', async (hostile) => ({
    size: 8,
    content: items([await hostile.chunk(new Uint8Array(20).fill(1), 'tree')], 1),
  })),
  file('four levels that fan out to 10^18 items', async (hostile) => {
    let ids = [await hostile.chunk(new Uint8Array(64))]
    for (let level = 0; level < 4; level++) {
      const list = items(Array.from({ length: 31_000 }, () => ids[0] as Uint8Array)).items
      ids = [await hostile.chunk(list, 'tree')]
    }
    return { size: 4_096, content: items(ids, 4) }
  }),
  raw('a tree of four levels that fan out', async (hostile) => {
    let ids = [await hostile.chunk(Uint8Array.of(1), 'tree')]
    for (let level = 0; level < 4; level++) {
      const list = items(Array.from({ length: 31_000 }, () => ids[0] as Uint8Array)).items
      ids = [await hostile.chunk(list, 'tree')]
    }
    return items(ids, 4)
  }),
  raw('a tree that is a hole of a GiB', async () => ({ levels: 0, items: hole(2 ** 30) })),
  raw('a tree of one mebibyte fifty times', async (hostile) => {
    const id = await hostile.chunk(new Uint8Array(2 ** 20).fill(1), 'tree')
    return items(Array.from({ length: 50 }, () => id))
  }),
  raw('a tree whose chunk does not exist', async (hostile) => items([hostile.idOf(new Uint8Array(9))])),
  raw('a tree without items', async () => ({ levels: 0, items: new Uint8Array(0) })),
]

const encodedSegment = (
  head: { codec: number; depth?: number; bases?: Uint8Array; plain: number },
  payload: Uint8Array,
): Uint8Array =>
  new ByteWriter()
    .u8(head.codec)
    .u8(head.depth ?? 0)
    .u16((head.bases?.length ?? 0) / 32)
    .u32(head.plain)
    .raw(head.bases ?? new Uint8Array(0))
    .raw(payload)
    .done()

/** A file whose only chunk lies in a segment that lies. */
const segment = (
  name: string,
  build: (hostile: HostileSnapshot) => Promise<{
    encoded: Uint8Array
    plain: number
    id: Uint8Array
    depth?: number
    bases?: Uint8Array
  }>,
): Case =>
  file(name, async (hostile) => {
    const { encoded, plain, id, depth, bases } = await build(hostile)
    await hostile.segment(encoded, rowOf(plain, [[plain, id]], depth, bases))
    return { size: plain, content: items([id]) }
  })

/** An RLE frame (RFC 8878): `bytes` zeros in a few bytes, with whatever content size. */
function bomb(bytes: number, declared: number): Uint8Array {
  const writer = new ByteWriter().u32(0xfd2f_b528).u8(0xa0).u32(declared)
  const BLOCK = 128 * 1024
  const blocks = Math.ceil(bytes / BLOCK)
  for (let block = 0; block < blocks; block++) {
    const header = (BLOCK << 3) | (1 << 1) | (block === blocks - 1 ? 1 : 0)
    writer
      .u8(header & 0xff)
      .u8((header >> 8) & 0xff)
      .u8(header >> 16)
      .u8(0)
  }
  return writer.done()
}

const noise = new Chance(9)

const SEGMENTS: readonly Case[] = [
  segment('a zstd frame that declares and yields 3 GiB', async (hostile) => {
    const plain = 1_000
    const encoded = encodedSegment({ codec: 1, plain }, bomb(3 * 2 ** 30, 3 * 2 ** 30))
    return { encoded, plain, id: hostile.idOf(new Uint8Array(plain)) }
  }),
  segment('a zstd frame that yields more than it declares', async (hostile) => {
    const plain = 1_000
    const encoded = encodedSegment({ codec: 1, plain }, bomb(2 ** 28, plain))
    return { encoded, plain, id: hostile.idOf(new Uint8Array(plain)) }
  }),
  segment('a segment that declares 4 GiB', async (hostile) => ({
    encoded: encodedSegment({ codec: 1, plain: 0xffff_ffff }, bomb(1_000, 1_000)),
    plain: 1_000,
    id: hostile.idOf(new Uint8Array(1_000)),
  })),
  segment('a segment with less than its row says', async (hostile) => ({
    encoded: encodedSegment({ codec: 0, plain: 10 }, new Uint8Array(10)),
    plain: 1_000,
    id: hostile.idOf(new Uint8Array(1_000)),
  })),
  segment('a chunk with other bytes than its id', async (hostile) => ({
    encoded: encodedSegment({ codec: 0, plain: 10 }, new Uint8Array(10)),
    plain: 10,
    id: hostile.idOf(Uint8Array.of(1)),
  })),
  segment('an unknown codec', async (hostile) => ({
    encoded: encodedSegment({ codec: 7, plain: 10 }, new Uint8Array(10)),
    plain: 10,
    id: hostile.idOf(new Uint8Array(10)),
  })),
  segment('a delta segment whose base does not exist', async (hostile) => {
    const base = noise.bytes(5_000)
    const bases = hostile.idOf(base)
    const encoded = hostile.deltaBytes(base, 1, bases, base)
    return { encoded, plain: 5_000, id: hostile.idOf(base), depth: 1, bases }
  }),
  segment('a delta segment that is its own base', async (hostile) => {
    const plain = noise.bytes(5_000)
    const id = hostile.idOf(plain)
    return { encoded: hostile.deltaBytes(plain, 1, id, plain), plain: 5_000, id, depth: 1, bases: id }
  }),
  segment('a delta segment that its index calls plain', async (hostile) => {
    const plain = noise.bytes(5_000)
    const base = await hostile.chunk(plain.subarray(0, 4_000))
    const encoded = hostile.deltaBytes(plain, 1, base, plain.subarray(0, 4_000))
    return { encoded, plain: 5_000, id: hostile.idOf(plain) }
  }),
  segment('a plain segment that its index calls delta', async (hostile) => {
    const plain = noise.bytes(500)
    const bases = await hostile.chunk(noise.bytes(400))
    const encoded = encodedSegment({ codec: 0, plain: 500 }, plain)
    return { encoded, plain: 500, id: hostile.idOf(plain), depth: 1, bases }
  }),
  segment('a delta segment that is its own base and that its index calls plain', async (hostile) => {
    const plain = noise.bytes(5_000)
    const id = hostile.idOf(plain)
    return { encoded: hostile.deltaBytes(plain, 8, id, plain), plain: 5_000, id }
  }),
  {
    ...segment('a depth that is not that of the bases', async (hostile) => {
      const plain = noise.bytes(5_000)
      const bases = await hostile.chunk(plain.subarray(0, 4_000))
      const encoded = hostile.deltaBytes(plain, 7, bases, plain.subarray(0, 4_000))
      return { encoded, plain: 5_000, id: hostile.idOf(plain), depth: 3, bases }
    }),
    either: true,
  },
  file('two delta segments that are bases of each other', async (hostile) => {
    const [one, two] = [noise.bytes(3_000), noise.bytes(3_000)]
    const [first, second] = [hostile.idOf(one), hostile.idOf(two)]
    await hostile.segment(hostile.deltaBytes(one, 2, second, one), rowOf(3_000, [[3_000, first]], 2, second))
    await hostile.segment(hostile.deltaBytes(two, 2, first, two), rowOf(3_000, [[3_000, second]], 2, first))
    return { size: 6_000, content: items([first, second]) }
  }),
  file('a segment that needs more than 1,024 others', async (hostile) => {
    let below: Uint8Array[] = []
    for (let n = 0; n < 1_100; n++) below.push(await hostile.chunk(noise.bytes(64)))
    const last: Uint8Array[] = []
    for (let n = 0; n < 5; n++) {
      const ids = Buffer.concat(below.slice(n * 220, (n + 1) * 220))
      const plain = noise.bytes(300)
      const id = hostile.idOf(plain)
      await hostile.segment(hostile.deltaBytes(plain, 1, ids, plain), rowOf(300, [[300, id]], 1, ids))
      last.push(id)
    }
    below = last
    const bases = Buffer.concat(below)
    const plain = noise.bytes(300)
    const id = hostile.idOf(plain)
    await hostile.segment(hostile.deltaBytes(plain, 2, bases, plain), rowOf(300, [[300, id]], 2, bases))
    return { size: 300, content: items([id]) }
  }),
  file('a dictionary above its limit', async (hostile) => {
    const big = await hostile.chunk(noise.bytes(2 ** 20))
    const bases = Buffer.concat([big, big, big])
    const plain = noise.bytes(300)
    const id = hostile.idOf(plain)
    await hostile.segment(hostile.deltaBytes(plain, 1, bases, plain), rowOf(300, [[300, id]], 1, bases))
    return { size: 300, content: items([id]) }
  }),
]

export const CASES: readonly Case[] = [...NAMES, ...LINKS, ...SHAPES, ...CONTENTS, ...SEGMENTS]
