/**
 * A drill: a snapshot, or part of it, is restored into a new directory, read back and compared, its databases are opened and counted,
 * probes are run, and all of it is removed again. It chooses no snapshot and writes nothing down.
 */

import { dirname } from 'node:path'
import { umask } from 'node:process'
import { createTargetFiles } from '../../filesystem/target-files.ts'
import type { SnapshotDetails } from '../../log/details.ts'
import { messageOf } from '../../model/errors.ts'
import type { ProgressListener } from '../../model/progress.ts'
import { type CheckReport, checkRestored } from '../../ops/restore/check-restored.ts'
import type { RestoreReport } from '../../ops/restore/report.ts'
import { type RestoreRequest, restore } from '../../ops/restore/restore.ts'
import { selectPaths } from '../../ops/restore/select-paths.ts'
import { namesOf, type SelectedPath, Selection } from '../../ops/restore/selection.ts'
import { isAnyWanted, pathsOfSources } from '../../ops/restore/source-paths.ts'
import type { Repository } from '../../repository/repository.ts'
import type { RestoreSetup } from '../../workers/restore-main.ts'
import type { RestoreTask, RestoreTaskResult } from '../../workers/restore-task.ts'
import { createInThreadPool, createThreadPool } from '../../workers/task-pool.ts'
import { RESTORE_MODULE } from '../../workers/thread-modules.ts'
import type { Config } from '../config/config.ts'
import type { DrillConfig } from '../config/drill.ts'
import type { SnapshotMoment } from '../status/report.ts'
import { type DatabasePorts, DrillDatabases, isDatabase } from './drill-databases.ts'
import type { DrilledDatabase, DrilledProbe, DrillFailure, DrillReport } from './drill-report.ts'
import { runProbes } from './run-probes.ts'
import { makeScratch, removeScratch, requireRoom } from './scratch.ts'

export type DrillRequest = {
  readonly config: Config
  readonly drill: DrillConfig
  readonly snapshot: SnapshotMoment
  /** Encoded content of its root tree. */
  readonly root: Uint8Array
  readonly details: SnapshotDetails
  /** A directory that must not be there. */
  readonly scratch: string
  /** Of this drill of this machine: what it makes on servers is named by it. */
  readonly owner: string
  /** When the drill began, by `performance.now()`: what recovery takes is no matter of a clock that is put right meanwhile. ms */
  readonly began: number
}

export type DrillPorts = DatabasePorts & {
  readonly threads: number
  /** Runs one stage with a progress display of its own. */
  readonly stage: <T>(operate: (progress: ProgressListener) => Promise<T>) => Promise<T>
}

/** What is wrong with what came back is in the report; what keeps it from being restored at all is thrown. */
export async function runDrill(
  repository: Repository,
  request: DrillRequest,
  ports: DrillPorts,
): Promise<DrillReport> {
  const { drill, scratch, details } = request
  const select = await selectOf(repository, request, ports.signal)
  await requireRoom(dirname(scratch), await bytesOf(repository, restoreRequest(request, select, true), ports))
  makeScratch(scratch)
  const databases = new DrillDatabases(request.config, drill, scratch, request.owner, ports)
  let isKept = false
  try {
    const restored = await restoreInto(repository, restoreRequest(request, select, false), ports)
    const checked = await readBack(repository, request, select, restored, ports)
    const sources = drilledSources(details, select)
    const drilled: DrilledDatabase[] = []
    for (const source of sources.filter(isDatabase)) drilled.push(await databases.check(source))
    const probes = await runProbes(drill.probes, scratch, environmentOf(request, databases.environment), {
      signal: ports.signal,
      said: ports.said,
    })
    const recoveryMs = Math.round(performance.now() - request.began)
    const failures = failuresOf(restored, checked, drilled, probes)
    isKept = failures.length > 0 && drill.keep === 'failed'
    return {
      snapshot: request.snapshot,
      categories: measuredCategories(request, drilled),
      files: checked.files,
      bytes: checked.bytes,
      databases: drilled,
      probes,
      failures,
      failuresTotal: failures.length + checked.differencesTotal - checked.differences.length,
      recoveryMs,
      notKept: restored.losses.map(({ what, count, example }) =>
        count === 1 ? `${what} (${example})` : `${what} (${count} times, as for ${example})`,
      ),
      kept: isKept ? scratch : undefined,
    }
  } finally {
    await databases.removeAll()
    if (!isKept) remove(scratch, ports)
  }
}

async function readBack(
  repository: Repository,
  { root, scratch: target }: DrillRequest,
  select: readonly SelectedPath[],
  { failures, filesRestored: files, bytesWritten: bytes }: RestoreReport,
  { signal, stage }: DrillPorts,
): Promise<CheckReport> {
  const failed = new Set(failures.map(({ path }) => path))
  return await stage(async (progress) => {
    progress({ kind: 'total', files, bytes, final: true })
    const ports = { target: createTargetFiles(), progress, signal }
    return await checkRestored(repository, { root, select, target, failed }, ports)
  })
}

function remove(scratch: string, { warn }: DrillPorts): void {
  try {
    removeScratch(scratch)
  } catch (error) {
    warn(`${scratch} cannot be removed: ${messageOf(error)}`)
  }
}

async function selectOf(
  repository: Repository,
  { drill: { categories, types, paths }, details, root }: DrillRequest,
  signal: AbortSignal,
): Promise<readonly SelectedPath[]> {
  const wanted = { categories, types, names: [] }
  const saved = isAnyWanted(wanted) ? pathsOfSources(details.sources ?? [], wanted) : []
  return await selectPaths(repository, { root, strip: undefined, paths, saved }, signal)
}

function restoreRequest(
  { root, scratch, details }: DrillRequest,
  select: readonly SelectedPath[],
  dryRun: boolean,
): RestoreRequest {
  return {
    root,
    select,
    strip: undefined,
    target: scratch,
    overwrite: 'never',
    deleteExtra: false,
    sources: details.paths,
    keep: new Set(),
    dryRun,
    keepOwner: true,
  }
}

/** What its files take. */
async function bytesOf(
  repository: Repository,
  request: RestoreRequest,
  { signal }: DrillPorts,
): Promise<number> {
  await using pool = createInThreadPool<RestoreTask, RestoreTaskResult>(() => {
    throw new TypeError('a dry run writes nothing')
  })
  const target = createTargetFiles()
  const report = await restore(repository, request, { target, pool, progress: () => undefined, signal })
  return report.bytesTotal
}

async function restoreInto(
  repository: Repository,
  request: RestoreRequest,
  { threads, signal, stage }: DrillPorts,
): Promise<RestoreReport> {
  const { target } = request
  const setup: RestoreSetup = { idKey: repository.keys.idKey, target }
  // Files are created with their final mode, whatever the mask; the directory itself keeps others out.
  const mask = umask(0)
  try {
    return await stage(async (progress) => {
      await using pool = createThreadPool<RestoreSetup, RestoreTask, RestoreTaskResult>(
        threads,
        RESTORE_MODULE,
        setup,
      )
      return await restore(repository, request, { target: createTargetFiles(), pool, progress, signal })
    })
  } finally {
    umask(mask)
  }
}

/** Of the sources of the snapshot those that were restored, each place once. */
function drilledSources(
  { sources = [] }: SnapshotDetails,
  select: readonly SelectedPath[],
): NonNullable<SnapshotDetails['sources']> {
  const selection = new Selection(select)
  const first = new Map(sources.map((source) => [source.paths.join('\0'), source]))
  return [...first.values()].filter(({ paths }) => {
    const [path] = paths
    return path !== undefined && selection.wants(namesOf(path)) === 'all'
  })
}

/** Those of which everything was restored, databases too. */
function measuredCategories(
  { drill: { categories, types, paths }, details }: DrillRequest,
  databases: readonly DrilledDatabase[],
): string[] {
  if (types.length > 0) return []
  const sources = details.sources ?? []
  const saved = [...new Set(sources.flatMap(({ category }) => category ?? []))]
  const restored = categories.length + paths.length === 0 ? saved : categories
  const lacking = new Set(
    databases.filter(({ result }) => result === 'not restored').map(({ source }) => source),
  )
  return restored.filter(
    (name) =>
      !sources.some(
        (source) => source.category === name && isDatabase(source) && lacking.has(source.name ?? ''),
      ),
  )
}

function environmentOf(
  { drill, scratch, snapshot }: DrillRequest,
  databases: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    SNAP_DRILL: drill.name,
    SNAP_DRILL_DIRECTORY: scratch,
    SNAP_JOB: drill.job.name,
    SNAP_JOB_REPOSITORY: drill.job.repository.name,
    SNAP_SNAPSHOT: snapshot.id,
    SNAP_SNAPSHOT_TIME: new Date(snapshot.time).toISOString(),
    ...databases,
  }
}

function failuresOf(
  restored: RestoreReport,
  checked: CheckReport,
  databases: readonly DrilledDatabase[],
  probes: readonly DrilledProbe[],
): DrillFailure[] {
  return [
    ...restored.failures.map(({ path, reason }) => ({ kind: 'file' as const, what: path, reason })),
    ...checked.differences.map(({ path, reason }) => ({ kind: 'file' as const, what: path, reason })),
    ...databases
      .filter(({ result }) => result === 'bad')
      .map(({ source, reasons }) => ({
        kind: 'database' as const,
        what: source,
        reason: reasons.join('; '),
      })),
    ...probes.flatMap(({ title, failure }) =>
      failure === undefined ? [] : [{ kind: 'probe' as const, what: title, reason: failure }],
    ),
  ]
}
