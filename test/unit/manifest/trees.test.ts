import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { type EntryRow, TREE_KEPT_BYTES_MAX } from '../../../src/manifest/trees-table.ts'
import { bytes, hash, ScratchDirectory } from './sample.ts'

function withManifest(test: (manifest: Manifest) => void): void {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  test(manifest)
}

function entry(name: Uint8Array, more: Partial<EntryRow> = {}): EntryRow {
  const times = { mtimeSec: 1_700_000_000, mtimeNsec: 999_999_999 }
  return { name, type: 1, size: 5, ...times, mode: 0o644, uid: 1000, gid: 1000, child: null, ...more }
}

test('a path is resolved through the trees of its directories', () =>
  withManifest(({ trees }) => {
    const file = entry(bytes('notes.txt'), { size: 2 ** 50, mtimeSec: -1, mode: 0o4755, uid: 2 ** 32 - 1 })
    const home = trees.add(hash('home'), bytes('home'), [file])
    const root = trees.add(hash('root'), bytes('root'), [entry(bytes('home'), { type: 2, child: home })])
    expect(trees.resolvePath(root, [bytes('home'), bytes('notes.txt')])).toEqual(file)
    expect(trees.resolvePath(root, [bytes('home')])?.child).toBe(home)
    expect(trees.childTree(root, bytes('home'))).toBe(home)
    expect(trees.childTree(home, bytes('notes.txt'))).toBeUndefined()
    expect(trees.resolvePath(root, [bytes('absent'), bytes('notes.txt')])).toBeUndefined()
    expect(trees.resolvePath(root, [bytes('home'), bytes('notes.txt'), bytes('below')])).toBeUndefined()
    expect(() => trees.resolvePath(root, [])).toThrow('one name')
  }))

test('a tree is found by its id and by its number', () =>
  withManifest(({ trees }) => {
    const no = trees.add(hash('home'), bytes('encoded'), [])
    expect(trees.byId(hash('home'))).toEqual({ no, id: hash('home'), bytes: bytes('encoded') })
    expect(trees.byNo(no)).toEqual(trees.byId(hash('home')))
    expect(trees.noOf(hash('home'))).toBe(no)
    expect(trees.noOf(hash('other'))).toBeUndefined()
    expect(trees.byId(hash('other'))).toBeUndefined()
    expect(trees.byNo(no + 1)).toBeUndefined()
  }))

test('a known id keeps its number and its entries', () =>
  withManifest(({ trees }) => {
    const no = trees.add(hash('home'), bytes('encoded'), [entry(bytes('a'))])
    expect(trees.add(hash('home'), null, [entry(bytes('b'))])).toBe(no)
    expect(trees.entriesOf(no).map((row) => Buffer.from(row.name).toString())).toEqual(['a'])
  }))

test('the bytes of a large directory are not kept, its entries are', () =>
  withManifest(({ trees }) => {
    const kept = trees.add(hash('kept'), new Uint8Array(TREE_KEPT_BYTES_MAX), [])
    const large = trees.add(hash('large'), new Uint8Array(TREE_KEPT_BYTES_MAX + 1), [entry(bytes('a'))])
    expect(trees.byNo(kept)?.bytes).toHaveLength(TREE_KEPT_BYTES_MAX)
    expect(trees.byNo(large)?.bytes).toBeNull()
    expect(trees.entriesOf(large)).toHaveLength(1)
  }))

test('entries that throw half-way leave no tree', () =>
  withManifest(({ trees }) => {
    function* rows(): Generator<EntryRow> {
      yield entry(bytes('a'))
      throw new Error('planned')
    }
    expect(() => trees.add(hash('home'), null, rows())).toThrow('planned')
    expect(trees.noOf(hash('home'))).toBeUndefined()
  }))

test('property: entries come back with their values in byte order of their names', () =>
  withManifest(({ trees }) => {
    const names = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 20 }), {
      selector: (name) => Buffer.from(name).toString('hex'),
      maxLength: 30,
    })
    let count = 0
    fc.assert(
      fc.property(names, fc.maxSafeNat(), fc.integer(), (all, size, mtimeSec) => {
        const rows = all.map((name) => entry(Buffer.from(name), { size, mtimeSec }))
        const no = trees.add(hash(`tree ${count++}`), null, rows)
        const sorted = rows.toSorted((left, right) => Buffer.compare(left.name, right.name))
        expect(trees.entriesOf(no)).toEqual(sorted)
      }),
      { numRuns: 50 },
    )
  }))
