/**
 * Two series of the same sources in one repository: one whose backups have directories compared ahead of the walk, and one whose
 * walk looks at everything. Whatever happens to the sources, both must come to the same snapshot and the same numbers.
 */
import { expect } from 'vitest'
import type { BackupResult } from '../../src/ops/backup/request.ts'
import { type BackupSummary, summaryNumbers } from '../../src/ops/backup/summary.ts'
import type { WalkOptions } from '../../src/ops/backup/walk.ts'
import type { MemorySource } from './memory-source.ts'
import type { TestRepository } from './repository.ts'

export type Looked = { readonly result: BackupResult; readonly listed: readonly string[] }

export type Twins = {
  readonly scanned: Looked
  readonly walked: Looked
}

/** Backs `paths` up in both series and compares. `listed`: the directories that the walk itself looked into. */
export async function backupTwins(
  repository: TestRepository,
  source: MemorySource,
  paths: readonly string[],
  walk: Partial<WalkOptions> = {},
): Promise<Twins> {
  const scanned = await backupOne(repository, source, paths, walk, true)
  const walked = await backupOne(repository, source, paths, walk, false)
  expect(numbersOf(scanned.result.summary)).toEqual(numbersOf(walked.result.summary))
  expect(scanned.result.unreadable).toEqual(walked.result.unreadable)
  expect(rootOf(repository, scanned.result)).toBe(rootOf(repository, walked.result))
  return { scanned, walked }
}

async function backupOne(
  repository: TestRepository,
  source: MemorySource,
  paths: readonly string[],
  walk: Partial<WalkOptions>,
  scan: boolean,
): Promise<Looked> {
  const before = source.listed.length
  const result = await repository.backupWith(
    { hostname: scan ? 'scanned' : 'walked', source, scan, walk },
    ...paths,
  )
  return { result, listed: source.listed.slice(before) }
}

export function rootOf(repository: TestRepository, { snapshot }: BackupResult): string {
  return Buffer.from(repository.snapshot(snapshot).root).toString('hex')
}

/** What the second of the two stores is there already, and time goes on. */
const OF_ONE_ALONE = new Set([
  'data_blobs',
  'tree_blobs',
  'data_added',
  'data_added_packed',
  'backup_start_ms',
  'backup_end_ms',
])

function numbersOf(summary: BackupSummary): object {
  return Object.fromEntries(
    Object.entries(summaryNumbers(summary)).filter(([name]) => !OF_ONE_ALONE.has(name)),
  )
}
