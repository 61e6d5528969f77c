import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteWriter } from '../../../src/base/bytes.ts'
import { compareNames, nameBytes } from '../../../src/base/names.ts'
import { type Entry, encodeEntry } from '../../../src/snapshot/entry.ts'
import {
  decodeTree,
  encodeTree,
  entryNameBytes,
  type Owner,
  splitTree,
  treeId,
} from '../../../src/snapshot/tree.ts'
import { Chance, codeOf, fileStat, ID_KEY, mutated, survives } from '../../support/builders.ts'
import { anyEntry } from './entries.ts'

const anyOwners: fc.Arbitrary<Owner[]> = fc.uniqueArray(
  fc.record({
    kind: fc.constantFrom('user' as const, 'group' as const),
    number: fc.nat(0xffff_ffff),
    name: fc.string({ unit: 'grapheme', maxLength: 20 }),
  }),
  { selector: (owner) => `${owner.kind}${owner.number}`, maxLength: 5 },
)

const anyEntries: fc.Arbitrary<Entry[]> = fc
  .uniqueArray(anyEntry, {
    selector: (entry) => Buffer.from(nameBytes(entry.name)).toString('hex'),
    maxLength: 12,
  })
  .map((entries) => entries.sort((a, b) => compareNames(a.name, b.name)))

const { mode, uid, gid, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, inode } = fileStat()
const entryNamed = (name: string) =>
  encodeEntry({
    name,
    type: 'file',
    mode,
    uid,
    gid,
    size: 0,
    mtimeSec,
    mtimeNsec,
    ctimeSec,
    ctimeNsec,
    inode,
  })

/** A tree by hand, in whatever order. */
function treeOf(
  entries: readonly Uint8Array[],
  owners: readonly (readonly [number, number])[] = [],
): Uint8Array {
  const writer = new ByteWriter().u8(1).varint(owners.length)
  for (const [kind, number] of owners) writer.u8(kind).u32(number).varint(0)
  writer.varint(entries.length)
  for (const entry of entries) writer.raw(entry)
  return writer.done()
}

const rank = (owner: Owner) => (owner.kind === 'user' ? 0 : 2 ** 32) + owner.number

describe('a tree', () => {
  it('comes back: its owners sorted, its entries as they were', () => {
    fc.assert(
      fc.property(anyOwners, anyEntries, (owners, entries) => {
        const encoded = entries.map(encodeEntry)
        const bytes = encodeTree(owners, encoded)
        const tree = splitTree(bytes)
        expect(tree.owners).toEqual([...owners].sort((a, b) => rank(a) - rank(b)))
        expect(tree.entries.map((entry) => Buffer.from(entry))).toEqual(
          encoded.map((entry) => Buffer.from(entry)),
        )
        expect(decodeTree(bytes).entries.map((entry) => entry.name)).toEqual(
          entries.map((entry) => entry.name),
        )
        tree.entries.forEach((entry, index) => {
          expect(Buffer.compare(entryNameBytes(entry), nameBytes(entries[index]!.name))).toBe(0)
        })
      }),
      { numRuns: 300 },
    )
  })

  it('is refused where names are out of order or come twice', () => {
    const [a, b] = [entryNamed('a'), entryNamed('b')]
    expect(codeOf(() => splitTree(treeOf([a, b])))).toBeUndefined()
    expect(codeOf(() => splitTree(treeOf([b, a])))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => splitTree(treeOf([a, a])))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => splitTree(treeOf([entryNamed('a'), entryNamed('B')])))).toBe('OBJECT_DAMAGED')
  })

  it('is not written with names out of order or twice', () => {
    const [a, b] = [entryNamed('a'), entryNamed('b')]
    expect(() => encodeTree([], [b, a])).toThrow('order')
    expect(() => encodeTree([], [a, a])).toThrow('order')
  })

  it('orders names by bytes, not by UTF-16', () => {
    const names = ['\u{10000}', '\uffee'].sort(compareNames)
    expect(names).toEqual(['\uffee', '\u{10000}'])
    expect(codeOf(() => splitTree(treeOf(names.map(entryNamed))))).toBeUndefined()
    expect(codeOf(() => splitTree(treeOf(names.reverse().map(entryNamed))))).toBe('OBJECT_DAMAGED')
  })

  it('is refused where owners are out of order, come twice or are of no kind', () => {
    const owners = (...list: (readonly [number, number])[]) => codeOf(() => splitTree(treeOf([], list)))
    expect(owners([1, 5], [1, 6], [2, 0])).toBeUndefined()
    expect(owners([2, 0], [1, 5])).toBe('OBJECT_DAMAGED')
    expect(owners([1, 5], [1, 5])).toBe('OBJECT_DAMAGED')
    expect(owners([3, 5])).toBe('OBJECT_DAMAGED')
    expect(owners([0, 5])).toBe('OBJECT_DAMAGED')
  })

  it('is refused in an unknown version, with bytes behind it, or with an entry that is too short', () => {
    const valid = treeOf([entryNamed('a')])
    const version = valid.slice()
    version[0] = 2
    expect(codeOf(() => splitTree(version))).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => splitTree(Buffer.concat([valid, new Uint8Array(1)])))).toBe('OBJECT_DAMAGED')
    const short = entryNamed('a')
    short[0] = 58
    expect(codeOf(() => splitTree(treeOf([short])))).toBe('OBJECT_DAMAGED')
    const nameless = Uint8Array.of(10, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    expect(codeOf(() => splitTree(treeOf([nameless, entryNamed('a'.repeat(50))])))).toBe('OBJECT_DAMAGED')
    for (let length = 0; length < valid.length; length++) {
      expect(codeOf(() => splitTree(valid.subarray(0, length)))).toBe('OBJECT_DAMAGED')
    }
  })

  it('that promises millions of entries is refused before memory is taken for them', () => {
    expect(
      codeOf(() => splitTree(new ByteWriter().u8(1).varint(0).varint(16_777_217).zeros(100).done())),
    ).toBe('LIMIT_EXCEEDED')
    expect(
      codeOf(() => splitTree(new ByteWriter().u8(1).varint(0).varint(16_777_216).zeros(100).done())),
    ).toBe('OBJECT_DAMAGED')
    expect(codeOf(() => splitTree(new ByteWriter().u8(1).varint(65_537).zeros(100).done()))).toBe(
      'LIMIT_EXCEEDED',
    )
  })

  it('has an id that depends on its content, its levels and the key', () => {
    const items = new Uint8Array(33)
    const ids = [
      treeId(ID_KEY, { levels: 0, items }),
      treeId(ID_KEY, { levels: 1, items }),
      treeId(ID_KEY, { levels: 0, items: new Uint8Array(66) }),
      treeId(new Uint8Array(32), { levels: 0, items }),
    ]
    expect(new Set(ids.map((id) => Buffer.from(id).toString('hex'))).size).toBe(4)
    expect(ids[0]).toEqual(treeId(ID_KEY, { levels: 0, items: items.slice() }))
  })
})

describe('hostile trees', () => {
  it('are split, decoded or refused, at once', () => {
    const chance = new Chance(21)
    const owners = fc.sample(anyOwners, { numRuns: 50, seed: 21 })
    const valid = fc
      .sample(anyEntries, { numRuns: 50, seed: 22 })
      .map((entries, index) => encodeTree(owners[index]!, entries.map(encodeEntry)))
    const outcome = survives(
      40_000,
      (index) =>
        index % 4 === 3 ? chance.bytes(chance.int(200)) : mutated(chance, valid[index % valid.length]!),
      decodeTree,
    )
    expect(outcome.refused).toBeGreaterThan(20_000)
  })
})
