import { mkdirSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { mayRelyOn } from '../../../src/manifest/chunks-table.ts'
import { seriesId, snapshotId } from '../../../src/model/ids.ts'
import { awaitedRuns, beginRun } from '../../../src/repository/reliance.ts'
import type { Processes, ProcessState } from '../../../src/storage/processes.ts'
import { Chance } from '../../support/builders.ts'
import { TestRepository } from '../../support/repository.ts'

let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
})
afterEach(() => repo[Symbol.asyncDispose]())

const processes = (own: string | undefined, states: Record<string, ProcessState> = {}): Processes => ({
  own,
  stateOf: (mark) => states[mark] ?? 'unknown',
})

it('leaves to runs that are at work for certain what they have stored', () => {
  const { manifest } = repo.repository
  const states = { one: 'running', two: 'ended', three: 'unknown' } as const
  const runs = ['one', 'two', 'three', undefined].map(
    (own) => beginRun(manifest, processes(own, states), { startedMs: 1 }).reliance.run,
  )
  expect(beginRun(manifest, processes('one', states), { startedMs: 2 }).reliance).toEqual({
    run: runs[3]! + 1,
    others: [runs[0]],
    upTo: 0,
  })
  manifest.runs.end(runs[0]!, { endedMs: 3, outcome: 'failed' })
  expect(beginRun(manifest, processes('five', states), { startedMs: 3 }).reliance.others).not.toContain(
    runs[0],
  )
})

it('relies on what earlier runs stored that are not at work, and on nothing of later ones', () => {
  const reliance = { run: 5, others: [3], upTo: 10 }
  const runs = [null, 1, 3, 4, 5, 6]
  expect(runs.filter((run) => mayRelyOn({ no: 10, run }, reliance))).toEqual([null, 1, 4, 5])
  // What comes later was not looked at, whose ever it is: a prune that is under way, a backup of which nobody knows whether it is.
  expect(runs.filter((run) => mayRelyOn({ no: 11, run }, reliance))).toEqual([5])
})

it('is awaited until a later run of its series saves a snapshot, and as long as it is at work', () => {
  const { manifest } = repo.repository
  const states = { one: 'running', two: 'ended', three: 'unknown' } as const
  const series = seriesId('11'.repeat(16))
  const begin = (own: string | undefined, of = [series]): number =>
    beginRun(manifest, processes(own, states), { startedMs: 1, series: of[0] }).reliance.run
  const save = (run: number): void =>
    void manifest.runs.end(run, { endedMs: 2, outcome: 'saved', snapshot: snapshotId('ab'.repeat(16)) })
  const awaited = (): number[] => [...awaitedRuns(manifest, processes('one', states))]
  const saved = begin('two')
  const [working, killed, unknown] = [begin('one'), begin('two'), begin('three')]
  const failed = begin('one')
  manifest.runs.end(failed, { endedMs: 2, outcome: 'failed' })
  const ofNoSeries = begin('two', [])
  const unsaved = [working, killed, unknown, failed, ofNoSeries]
  save(saved)
  save(begin('two', [seriesId('22'.repeat(16))]))
  save(begin('two', []))
  expect(awaited()).toEqual(unsaved)
  const next = begin('two')
  expect(awaited()).toEqual([...unsaved, next])
  save(next)
  const later = begin('two')
  expect(awaited()).toEqual([working, ofNoSeries, later])
})

it('a backup that failed leaves what it stored to the next, of the same process too', async () => {
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), new Chance(1).bytes(300_000))
  const { create } = repo.storage
  repo.storage.create = () => Promise.reject(new Error('killed'))
  await expect(repo.backup()).rejects.toThrow('killed')
  repo.storage.create = create
  const { packs, runs } = repo.repository.manifest
  const stored = packs.pending().map(({ id }) => id)
  expect(stored.length).toBeGreaterThan(0)
  expect(runs.list(1)).toMatchObject([{ outcome: 'failed', snapshot: null }])
  const { summary } = await repo.backup()
  expect(summary.bytesStored).toBeLessThan(10_000)
  expect(packs.pending()).toEqual([])
  expect(stored.map((id) => packs.byId(id)?.state)).toEqual(stored.map(() => 'live'))
})

it('a backup stores again what one that is under way has stored, and names nothing of it', async () => {
  mkdirSync(repo.source())
  writeFileSync(repo.source('file'), new Chance(1).bytes(300_000))
  await using other = await repo.another({ sharesManifest: true })
  const { put } = repo.storage
  let stored = -1
  repo.storage.put = async (key, parts) => {
    if (key.startsWith('index/') && stored < 0) {
      repo.storage.put = put
      const before = new Set(repo.repository.manifest.packs.pending().map(({ id }) => id))
      stored = (await other.backup()).summary.bytesStored
      for (const id of before) expect(repo.repository.manifest.packs.byId(id)?.state).toBe('pending')
    }
    return put.call(repo.storage, key, parts)
  }
  await repo.backup()
  expect(stored).toBeGreaterThan(300_000)
  expect(repo.repository.manifest.packs.pending()).toEqual([])
})
