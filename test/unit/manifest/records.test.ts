import { expect, test } from 'vitest'
import type { Manifest } from '../../../src/manifest/manifest.ts'
import { openManifest } from '../../../src/manifest/open-manifest.ts'
import { indexId, repositoryId, snapshotId } from '../../../src/model/ids.ts'
import { bytes, hash, hexId, pack, ScratchDirectory, segment } from './sample.ts'

function withManifest(test: (manifest: Manifest) => void): void {
  using scratch = new ScratchDirectory()
  using manifest = openManifest(scratch.file)
  test(manifest)
}

test('the head only ever rises', () =>
  withManifest(({ meta }) => {
    expect(meta.head()).toBeUndefined()
    expect(meta.setHead(0, hash('0'))).toBe(true)
    expect(meta.setHead(5, hash('5'))).toBe(true)
    expect(meta.setHead(5, hash('another 5'))).toBe(false)
    expect(meta.setHead(4, hash('4'))).toBe(false)
    expect(meta.head()).toEqual({ number: 5, hash: hash('5') })
  }))

test('the manifest remembers whose it is', () =>
  withManifest(({ meta }) => {
    expect(meta.repositoryId()).toBeUndefined()
    const id = repositoryId(hexId('repository'))
    meta.setRepositoryId(id)
    expect(meta.repositoryId()).toBe(id)
  }))

test('log entries come back in the order of the log, and a number is stored once', () =>
  withManifest(({ log }) => {
    const entry = (number: number, timeMs: number, problem: string | null = null) => ({
      number,
      hash: hash(`entry ${number}`),
      kind: 1,
      author: hash('author'),
      timeMs,
      problem,
    })
    expect(log.add(entry(1, 3_000, 'its author may not write it'))).toBe(true)
    expect(log.add(entry(0, -5))).toBe(true)
    expect(log.add(entry(1, 9_000))).toBe(false)
    expect(log.entries()).toEqual([entry(0, -5), entry(1, 3_000, 'its author may not write it')])
    expect(log.entries(3_000).map((row) => row.number)).toEqual([1])
    expect(log.entries(3_001)).toEqual([])
  }))

test('index objects have a state', () =>
  withManifest(({ indexes }) => {
    const row = (name: string) => ({
      id: indexId(hexId(name)),
      hash: hash(name),
      state: 'pending' as const,
      bytes: 512,
    })
    expect(indexes.add(row('one'), [3, 2])).toBe(true)
    expect(indexes.add(row('one'), [4])).toBe(false)
    expect(indexes.packsOf(row('one').id)).toEqual([2, 3])
    indexes.add(row('two'), [])
    expect(indexes.setState(row('one').id, 'live')).toBe(true)
    expect(indexes.setState(row('three').id, 'live')).toBe(false)
    expect(indexes.list('live')).toEqual([{ ...row('one'), state: 'live' }])
    expect(indexes.list()).toHaveLength(2)
    expect(indexes.remove(row('one').id)).toBe(true)
    expect(indexes.packsOf(row('one').id)).toEqual([])
    expect(indexes.remove(row('one').id)).toBe(false)
    expect(indexes.list()).toEqual([row('two')])
  }))

test('a run that has not ended is told from one that has', () =>
  withManifest(({ runs }) => {
    const first = runs.begin('backup', 1_000, { paths: ['/'] })
    const second = runs.begin('prune', 2_000)
    const snapshot = snapshotId(hexId('snapshot'))
    expect(runs.end(first, { endedMs: 1_500, outcome: 'done', snapshot })).toBe(true)
    expect(runs.end(99, { endedMs: 1, outcome: 'done' })).toBe(false)
    expect(runs.list(10)).toEqual([
      {
        id: second,
        kind: 'prune',
        startedMs: 2_000,
        endedMs: null,
        outcome: null,
        snapshot: null,
        details: null,
      },
      {
        id: first,
        kind: 'backup',
        startedMs: 1_000,
        endedMs: 1_500,
        outcome: 'done',
        snapshot,
        details: { paths: ['/'] },
      },
    ])
    expect(runs.unfinished('prune')).toEqual([{ id: second, details: null }])
    expect(runs.unfinished('backup')).toEqual([])
    runs.end(second, { endedMs: 3_000, outcome: 'failed', details: { why: 'full' } })
    expect(runs.unfinished('prune')).toEqual([])
    expect(runs.list(1)).toMatchObject([{ id: second, details: { why: 'full' } }])
  }))

test('statistics count rows, bytes on disk and packs by state and kind', () =>
  withManifest((manifest) => {
    manifest.packs.add(pack('one', [segment(['a', 'b'])]))
    manifest.packs.add(pack('two', [segment(['c'])]))
    manifest.packs.add(pack('three', [], { kind: 'tree', state: 'pending' }))
    manifest.trees.add(hash('tree'), bytes('encoded'))
    const statistics = manifest.statistics()
    const table = Object.fromEntries(statistics.tables.map(({ name, rows }) => [name, rows]))
    expect(table).toMatchObject({ packs: 3, segments: 2, chunks: 3, trees: 1, entries: 0 })
    expect(statistics.packs).toEqual([
      { state: 'pending', kind: 'tree', count: 1, bytes: 4096 },
      { state: 'live', kind: 'data', count: 2, bytes: 8192 },
    ])
    const bytesOfTables = statistics.tables.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(bytesOfTables).toBeGreaterThan(0)
    expect(bytesOfTables).toBeLessThanOrEqual(statistics.bytes)
  }))
