/** Two repositories of a test, one copied into the other, and their snapshots as plain trees that can be compared. */
import type { SnapshotDetails } from '../../src/log/details.ts'
import { hasCode, type SnapError } from '../../src/model/errors.ts'
import type { SnapshotId } from '../../src/model/ids.ts'
import type { ProgressEvent } from '../../src/model/progress.ts'
import { type CopiesReport, copySnapshots } from '../../src/ops/copy/copy-snapshots.ts'
import { type CopyState, type PlannedCopy, planCopies } from '../../src/ops/copy/plan-copy.ts'
import { fileBytes } from '../../src/ops/dump/file-bytes.ts'
import { forgetByIds } from '../../src/ops/forget/forget.ts'
import { prune } from '../../src/ops/prune/prune.ts'
import { verify } from '../../src/ops/verify/verify.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { type Content, decodeContent } from '../../src/snapshot/content.ts'
import type { ExecutorFactory } from '../../src/workers/executor.ts'
import { createInThreadExecutor } from '../../src/workers/in-thread.ts'
import { SECRET, type TestRepository } from './repository.ts'

export type Copied = CopiesReport & {
  readonly errors: readonly SnapError[]
  readonly events: readonly ProgressEvent[]
}

export type CopyChanges = {
  /** Absent: those that are missing. */
  readonly states?: readonly CopyState[]
  readonly signal?: AbortSignal
  readonly executor?: ExecutorFactory
  readonly onEvent?: (event: ProgressEvent) => void
}

export const planOf = (source: TestRepository, destination: TestRepository): Promise<PlannedCopy[]> =>
  planCopies(source.repository, destination.repository, source.repository.manifest.snapshots.list())

/** Copies what `snap copy` without arguments would. */
export async function copyAll(
  source: TestRepository,
  destination: TestRepository,
  {
    states = ['missing'],
    signal = new AbortController().signal,
    executor = createInThreadExecutor,
    onEvent,
  }: CopyChanges = {},
): Promise<Copied> {
  const wanted = (await planOf(source, destination)).filter(({ state }) => states.includes(state))
  const errors: SnapError[] = []
  const events: ProgressEvent[] = []
  const write = { compression: 'auto', recheck: true, deltas: true, executor } as const
  const report = await copySnapshots(source.repository, destination.repository, wanted, write, {
    progress: (event) => {
      events.push(event)
      onEvent?.(event)
    },
    signal,
    copied: () => undefined,
    failed: (_planned, error) => errors.push(error),
  })
  return { ...report, errors, events }
}

export function detailsOf({ repository }: TestRepository, id: SnapshotId): SnapshotDetails {
  return repository.manifest.snapshots.byPrefix(id)[0]!.details as SnapshotDetails
}

/** Forgets snapshots, and frees all that none needs. */
export async function pruneAll({ repository }: TestRepository, ...snapshots: SnapshotId[]): Promise<void> {
  if (snapshots.length > 0) await forgetByIds(repository, snapshots, { dryRun: false, evenLast: true })
  const quiet = { progress: () => undefined, signal: new AbortController().signal }
  const request = {
    unusedShareMax: 0,
    repackBytesMax: Number.POSITIVE_INFINITY,
    undoMs: 0,
    strayMs: 86_400_000,
    acceptDamagedLog: false,
    dryRun: false,
  }
  await prune(repository, request, quiet)
}

/** A line for each entry with all that it says, and the content of files byte by byte as text. What cannot be read says so. */
export async function plainTree(repository: Repository, id: SnapshotId): Promise<string[]> {
  const lines: string[] = []
  const visit = async (content: Content, path: string): Promise<void> => {
    const { owners, entries } = await repository.trees.tree(content)
    lines.push(`${path}/ ${JSON.stringify(owners)}`)
    for (const entry of entries) {
      const { content: inner, xattrs = [], ...plain } = entry
      const values = xattrs.map(({ name, value }) => `${name}=${Buffer.from(value).toString('hex')}`)
      const says = JSON.stringify([plain, values, inner === undefined])
      const bytes = entry.type === 'file' && inner !== undefined ? await contentOf(repository, entry) : ''
      lines.push(`${path}/${entry.name} ${says} ${bytes}`)
      if (entry.type === 'dir' && inner !== undefined) await visit(inner, `${path}/${entry.name}`)
    }
  }
  await visit(decodeContent(repository.log.state.snapshots.get(id)!.root), '')
  return lines
}

async function contentOf({ chunks }: Repository, entry: Parameters<typeof fileBytes>[1]): Promise<string> {
  const parts: Uint8Array[] = []
  try {
    for await (const part of fileBytes(chunks, entry)) parts.push(part)
  } catch (error) {
    if (!hasCode(error, 'OBJECT_DAMAGED', 'OBJECT_MISSING')) throw error
    return 'damaged'
  }
  return Buffer.concat(parts).toString('base64')
}

/** What a verification of all data finds. */
export async function damagesOf(test: TestRepository): Promise<string[]> {
  const { damages, affected } = await verify(
    test.repository,
    { data: true, secret: SECRET },
    { pool: test.pool(), progress: () => undefined, signal: new AbortController().signal },
  )
  return [...damages.map(({ object, reason }) => `${object}: ${reason}`), ...affected.map(({ path }) => path)]
}
