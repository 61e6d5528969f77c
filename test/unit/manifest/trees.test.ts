import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EntryFilter, EntryKey, EntryRow } from '../../../src/manifest/entries-table.ts'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { TREE_KEPT_BYTES_MAX } from '../../../src/manifest/trees-table.ts'
import { bytes, hash, ScratchDirectory } from './sample.ts'

const ANY: EntryFilter = { nameHolds: undefined, type: undefined, notBefore: undefined, notAfter: undefined }
const START: EntryKey = { tree: 0, name: new Uint8Array(0) }

function withManifest(test: (manifest: Manifest) => void): void {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  test(manifest)
}

function entry(name: Uint8Array, more: Partial<EntryRow> = {}): EntryRow {
  const times = { mtimeSec: 1_700_000_000, mtimeNsec: 999_999_999 }
  const owner = { mode: 0o644, uid: 1000, gid: 1000 }
  return { name, type: 1, size: 5, ...times, ...owner, content: null, child: null, ...more }
}

const namesOf = (rows: readonly { readonly name: Uint8Array }[]) =>
  rows.map(({ name }) => Buffer.from(name).toString())

test('a tree is found by its id', () =>
  withManifest(({ trees }) => {
    const no = trees.add(hash('home'), bytes('encoded'))
    expect(trees.byId(hash('home'))).toEqual({ no, id: hash('home'), bytes: bytes('encoded') })
    expect(trees.noOf(hash('home'))).toBe(no)
    expect(trees.noOf(hash('other'))).toBeUndefined()
    expect(trees.byId(hash('other'))).toBeUndefined()
  }))

test('a known id keeps its number and its bytes, and takes bytes where it had none', () =>
  withManifest(({ trees }) => {
    const no = trees.add(hash('home'), null)
    expect(trees.add(hash('home'), bytes('encoded'))).toBe(no)
    expect(trees.add(hash('home'), bytes('other'))).toBe(no)
    expect(trees.add(hash('home'), null)).toBe(no)
    expect(trees.byId(hash('home'))?.bytes).toEqual(bytes('encoded'))
  }))

test('the bytes of a large directory are not kept', () =>
  withManifest(({ trees }) => {
    trees.add(hash('kept'), new Uint8Array(TREE_KEPT_BYTES_MAX))
    trees.add(hash('large'), new Uint8Array(TREE_KEPT_BYTES_MAX + 1))
    expect(trees.byId(hash('kept'))?.bytes).toHaveLength(TREE_KEPT_BYTES_MAX)
    expect(trees.byId(hash('large'))?.bytes).toBeNull()
  }))

test('adding a tree makes no rows and no mark', () =>
  withManifest((manifest) => {
    const no = manifest.trees.add(hash('home'), bytes('encoded'))
    expect(manifest.entries.hasRows(no)).toBe(false)
    expect(manifest.entries.waitingCount()).toBe(0)
    const rows = new Map(manifest.statistics().tables.map(({ name, rows }) => [name, rows]))
    expect([rows.get('trees'), rows.get('entries'), rows.get('entry_trees')]).toEqual([1, 0, 0])
  }))

test('a directory waits until its rows are finished, and then never again', () =>
  withManifest(({ entries }) => {
    expect(entries.want(1, bytes('one'))).toBe(true)
    expect(entries.want(2, bytes('two'))).toBe(true)
    expect(entries.want(1, bytes('one'))).toBe(false)
    expect(entries.waiting(1)).toEqual([{ tree: 2, content: bytes('two') }])
    entries.finish(2)
    expect(entries.hasRows(2)).toBe(true)
    expect(entries.hasRows(1)).toBe(false)
    expect(entries.want(2, bytes('two'))).toBe(false)
    expect(entries.waiting(9)).toEqual([{ tree: 1, content: bytes('one') }])
    expect(entries.waitingCount()).toBe(1)
  }))

test('the same row twice is one row', () =>
  withManifest(({ entries }) => {
    entries.add(1, entry(bytes('a')))
    entries.add(1, entry(bytes('a')))
    expect(entries.of(1)).toHaveLength(1)
  }))

test('the directories above one are found, by all their names for it', () =>
  withManifest(({ entries }) => {
    entries.add(7, entry(bytes('one'), { type: 2, child: 3 }))
    entries.add(7, entry(bytes('two'), { type: 2, child: 3 }))
    entries.add(9, entry(bytes('three'), { type: 2, child: 3 }))
    entries.add(9, entry(bytes('other'), { type: 2, child: 4 }))
    expect(namesOf(entries.parentsOf(3, 10)).sort()).toEqual(['one', 'three', 'two'])
    expect(entries.parentsOf(3, 2)).toHaveLength(2)
    expect(entries.parentsOf(5, 2)).toEqual([])
  }))

test('rows are matched by part of the name, type and time, page by page', () =>
  withManifest(({ entries }) => {
    entries.add(1, entry(bytes('notes.txt'), { mtimeSec: 10, mtimeNsec: 5 }))
    entries.add(1, entry(bytes('notes'), { type: 2, child: 2, mtimeSec: 11, mtimeNsec: 0 }))
    entries.add(2, entry(Uint8Array.of(0xff, 0x74, 0x78, 0x74), { mtimeSec: -5, mtimeNsec: 0 }))
    const matching = (filter: Partial<EntryFilter>, after = START, last = 9, limit = 10) =>
      entries.matching({ ...ANY, ...filter }, after, last, limit)
    expect(matching({})).toHaveLength(3)
    expect(matching({}, START, 1)).toHaveLength(2)
    expect(matching({}, START, 9, 2)).toHaveLength(2)
    expect(namesOf(matching({}, { tree: 1, name: bytes('notes') }))[0]).toBe('notes.txt')
    expect(matching({ nameHolds: bytes('txt') })).toHaveLength(2)
    expect(matching({ nameHolds: Uint8Array.of(0xff) })).toHaveLength(1)
    expect(matching({ type: 2 })).toMatchObject([{ tree: 1, child: 2 }])
    expect(matching({ notBefore: { sec: 10, nsec: 6 } })).toMatchObject([{ mtimeSec: 11 }])
    expect(matching({ notBefore: { sec: 10, nsec: 5 }, notAfter: { sec: 10, nsec: 5 } })).toHaveLength(1)
    expect(matching({ notAfter: { sec: 10, nsec: 4 } })).toMatchObject([{ mtimeSec: -5 }])
  }))

test('property: entries come back with their values in byte order of their names', () =>
  withManifest((manifest) => {
    const names = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 20 }), {
      selector: (name) => Buffer.from(name).toString('hex'),
      maxLength: 30,
    })
    let tree = 0
    fc.assert(
      fc.property(names, fc.maxSafeNat(), fc.integer(), (all, size, mtimeSec) => {
        tree += 1
        const rows = all.map((name) =>
          entry(Buffer.from(name), { size, mtimeSec, content: Buffer.from(name) }),
        )
        for (const row of rows) manifest.entries.add(tree, row)
        const sorted = rows.toSorted((left, right) => Buffer.compare(left.name, right.name))
        expect(manifest.entries.of(tree)).toEqual(sorted)
      }),
      { numRuns: 50 },
    )
  }))
