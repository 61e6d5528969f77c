import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import { hash, hexId, ScratchDirectory, snapshot } from './sample.ts'

function withManifest(test: (manifest: Manifest) => void): void {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  test(manifest)
}

const OTHER = seriesId(hexId('other series'))

test('a snapshot comes back as it was added, with names that are no UTF-8', () =>
  withManifest(({ snapshots }) => {
    const row = snapshot('one', {
      paths: ['/home/\udcff\udc80', '/ä'],
      tags: ['daily'],
      label: 'before the move',
      rootTree: hash('tree'),
    })
    expect(snapshots.add(row)).toBe(true)
    expect(snapshots.list()).toEqual([row])
    expect(snapshots.list({ path: '/home/\udcff\udc80' })).toHaveLength(1)
    expect(snapshots.list({ path: '/home' })).toHaveLength(0)
  }))

test('what a client that cannot read content does not know is null', () =>
  withManifest(({ snapshots }) => {
    const row = snapshot('one', { host: null, user: null, paths: [], summary: null, details: null })
    snapshots.add(row)
    expect(snapshots.list()).toEqual([row])
  }))

test('a known id is not added again', () =>
  withManifest(({ snapshots }) => {
    snapshots.add(snapshot('one'))
    expect(snapshots.add(snapshot('one', { label: 'changed' }))).toBe(false)
    expect(snapshots.list()[0]?.label).toBeNull()
  }))

test('filters hold together, and the order is that of time', () =>
  withManifest(({ snapshots }) => {
    snapshots.add(snapshot('late', { timeMs: 3_000, tags: ['daily', 'kept'] }))
    snapshots.add(snapshot('early', { timeMs: 1_000, tags: ['daily'] }))
    snapshots.add(snapshot('other', { timeMs: 2_000, host: 'server', series: OTHER }))
    snapshots.add(snapshot('forgotten', { timeMs: 2_500, forgottenMs: 9_000 }))
    const ids = (filter: Parameters<typeof snapshots.list>[0]) => snapshots.list(filter).map((row) => row.id)
    const named = (...names: string[]) => names.map(hexId)
    expect(ids({})).toEqual(named('early', 'other', 'late'))
    expect(ids({ forgotten: 'both' })).toEqual(named('early', 'other', 'forgotten', 'late'))
    expect(ids({ forgotten: 'only' })).toEqual(named('forgotten'))
    expect(ids({ series: OTHER })).toEqual(named('other'))
    expect(ids({ host: 'laptop' })).toEqual(named('early', 'late'))
    expect(ids({ tag: 'daily', notBeforeMs: 1_001 })).toEqual(named('late'))
    expect(ids({ notBeforeMs: 1_000, notAfterMs: 2_000 })).toEqual(named('early', 'other'))
    expect(ids({ path: '/home/ada', tag: 'kept' })).toEqual(named('late'))
  }))

test('a prefix finds its snapshots, forgotten ones too, and ten at most', () =>
  withManifest(({ snapshots }) => {
    const id = (head: string) => snapshotId(head.padEnd(32, '7'))
    for (const head of ['abc1', 'abc2', 'abd', '00', 'ff'])
      snapshots.add(snapshot(head, { id: id(head), forgottenMs: 5 }))
    const ids = (hex: string) => snapshots.byPrefix(hex).map((row) => row.id)
    expect(ids('abc')).toEqual([id('abc1'), id('abc2')])
    expect(ids('abc2')).toEqual([id('abc2')])
    expect(ids(id('ff'))).toEqual([id('ff')])
    expect(ids('ac')).toEqual([])
    expect(ids('')).toHaveLength(5)
    for (let number = 0; number < 12; number++)
      snapshots.add(snapshot('', { id: id(`dd${number.toString(16)}`) }))
    expect(ids('dd')).toHaveLength(10)
    expect(() => snapshots.byPrefix('AB')).toThrow('prefix')
  }))

test('the latest of a series is the newest that is not forgotten, up to a time', () =>
  withManifest(({ snapshots }) => {
    snapshots.add(snapshot('one', { timeMs: 1_000 }))
    snapshots.add(snapshot('two', { timeMs: 2_000, number: 2 }))
    snapshots.add(snapshot('twin', { timeMs: 2_000, number: 3 }))
    snapshots.add(snapshot('three', { timeMs: 3_000, forgottenMs: 4_000 }))
    snapshots.add(snapshot('elsewhere', { timeMs: 5_000, series: OTHER }))
    const series = seriesId(hexId('series'))
    expect(snapshots.latestOf(series)?.id).toBe(hexId('twin'))
    expect(snapshots.latestOf(series, 1_999)?.id).toBe(hexId('one'))
    expect(snapshots.latestOf(series, 999)).toBeUndefined()
  }))

test('forgetting can be taken back', () =>
  withManifest(({ snapshots }) => {
    const { id } = snapshot('one')
    snapshots.add(snapshot('one'))
    expect(snapshots.setForgotten(id, 7)).toBe(true)
    expect(snapshots.list()).toEqual([])
    expect(snapshots.setForgotten(id, null)).toBe(true)
    expect(snapshots.list()).toHaveLength(1)
    expect(snapshots.setForgotten(snapshotId(hexId('unknown')), 7)).toBe(false)
  }))

test('a root tree can be told later', () =>
  withManifest(({ snapshots }) => {
    snapshots.add(snapshot('one'))
    expect(snapshots.setRootTree(snapshot('one').id, hash('tree'))).toBe(true)
    expect(snapshots.list()[0]?.rootTree).toEqual(hash('tree'))
    expect(snapshots.setRootTree(snapshotId(hexId('unknown')), hash('tree'))).toBe(false)
  }))
