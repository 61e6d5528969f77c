import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { BaseFinder } from '../../../src/workers/base-finder.ts'
import { hash, pack, ScratchDirectory, segment } from '../manifest/sample.ts'

function withManifest(test: (manifest: Manifest) => void): void {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  test(manifest)
}

const found = (finder: BaseFinder, name: string) =>
  finder
    .find(hash(name))
    .map(({ id, standsIn }) => `${Buffer.from(id).toString('hex')}${standsIn ? ' stands in' : ''}`)
const named = (name: string): string => Buffer.from(hash(name)).toString('hex')

test('a chunk in a segment without bases is a base, where it lies', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['a', 'b'], 10)]))
    const finder = new BaseFinder(manifest)
    expect(finder.find(hash('b'))).toMatchObject([
      { offset: 10, bytes: 10, standsIn: false, segment: { number: 0, plain: 20 } },
    ])
    expect(finder.find(hash('c'))).toEqual([])
  }))

test('for a chunk in a segment with bases, those stand in that lie as far from its start, nearest first', () =>
  withManifest((manifest) => {
    const bases = [...'abcdefghij']
    manifest.packs.add(pack('one', [segment(bases, 10)]))
    manifest.packs.add(pack('two', [segment([...'klmnopqrst'], 10, 1, bases)]))
    const finder = new BaseFinder(manifest)
    const standing = (names: string) => [...names].map((name) => `${named(name)} stands in`)
    expect(found(finder, 'p')).toEqual(standing('fegdhci'))
    expect(found(finder, 'k')).toEqual(standing('abcd'))
    expect(found(finder, 't')).toEqual(standing('jihg'))
  }))

test('what has bases itself stands in for nothing', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['a'], 10), segment(['b'], 10, 1, ['a'])]))
    manifest.packs.add(pack('two', [segment(['c'], 10, 2, ['b'])]))
    expect(found(new BaseFinder(manifest), 'c')).toEqual([])
  }))

test('no base is in a pack that no entry names: its writer may never commit', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['a'], 10)], { state: 'pending' }))
    manifest.packs.add(pack('two', [segment(['b'], 10, 1, ['a'])]))
    const finder = new BaseFinder(manifest)
    expect(found(finder, 'a')).toEqual([])
    expect(found(finder, 'b')).toEqual([])
  }))
