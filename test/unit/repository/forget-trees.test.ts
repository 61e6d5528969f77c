import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { find } from '../../../src/ops/find/find.ts'
import { prune } from '../../../src/ops/prune/prune.ts'
import { forgetTrees } from '../../../src/repository/forget-trees.ts'
import { TestRepository } from '../../support/repository.ts'

const signal = new AbortController().signal
const quiet = { progress: () => undefined, signal }
let repo: TestRepository

beforeEach(async () => {
  repo = await TestRepository.create()
  mkdirSync(repo.source('directory'), { recursive: true })
})
afterEach(() => repo[Symbol.asyncDispose]())

const rows = (name: string): number | undefined =>
  repo.repository.manifest.statistics().tables.find((table) => table.name === name)?.rows

async function indexAll(): Promise<void> {
  const snapshots = repo.repository.manifest.snapshots
    .list()
    .map(({ id, series, number, timeMs, paths, tags, root }) => ({
      ...{ id, series, number, paths, tags, root },
      ...{ time: timeMs, hostname: 'host', label: undefined },
    }))
  const any = { type: undefined, notBefore: undefined, notAfter: undefined }
  await find(
    repo.repository,
    { patterns: ['*'], ignoreCase: false, newestOnly: false, snapshots, ...any },
    quiet,
  )
}

describe('directories that no snapshot has', () => {
  it('leave the manifest with every prune, their names with them, and others stay', async () => {
    writeFileSync(repo.source('directory', 'first'), 'first')
    const { snapshot } = await repo.backup()
    await indexAll()
    const once = [rows('trees'), rows('entries'), rows('entry_trees')]
    rmSync(repo.source('directory', 'first'))
    writeFileSync(repo.source('directory', 'other'), 'other')
    await repo.backup()
    await indexAll()
    expect(rows('trees')).toBeGreaterThan(once[0]!)
    await repo.repository.log.append(() => ({ kind: 'forget', snapshots: [snapshot] }))
    const request = { unusedShareMax: 0.05, repackBytesMax: 1e9, undoMs: 0, strayMs: 0, dryRun: false }
    await prune(repo.repository, request, quiet)
    expect([rows('trees'), rows('entries'), rows('entry_trees')]).toEqual(once)
    const { summary } = await repo.backup()
    expect(summary).toMatchObject({ dirsUnmodified: once[0] })
  })

  it('do not give their numbers to others, nor does one go that came since', async () => {
    const { trees } = repo.repository.manifest
    const id = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)
    const [a, b, c] = [1, 2, 3].map((byte) => trees.add(id(byte), Uint8Array.of(byte)))
    const forget = (lastNo: number): Promise<number> =>
      forgetTrees({ manifest: repo.repository.manifest, lastNo, isNeeded: () => false, signal })
    expect(await forget(b!)).toBe(2)
    expect([trees.noOf(id(1)), trees.noOf(id(2)), trees.noOf(id(3))]).toEqual([undefined, undefined, c])
    await forget(c!)
    expect(trees.byId(id(3))?.bytes).toBeNull()
    expect(trees.add(id(4), null)).toBe(c! + 1)
    expect(a).toBeLessThan(b!)
  })
})
