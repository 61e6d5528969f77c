/** What follows a job's backup that was saved: the repository is checked, snapshots are copied, old ones forgotten, space is freed. */
import type { CopyConfig, JobConfig } from '../jobs/config/config.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { type BackupRequest, seriesOfRequest } from '../ops/backup/request.ts'
import type { RetentionPolicy } from '../ops/forget/policy.ts'
import type { Repository } from '../repository/repository.ts'
import { contextFor } from './configuration.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'
import { DEFAULT_PRUNE_OPTIONS, pruneRequestOf } from './prune-options.ts'
import type { Opened } from './repository.ts'
import { threadsOf } from './threads-option.ts'

/**
 * In this order: nothing is forgotten, and nothing freed, where what is stored was found damaged, or was not copied everywhere. `outer`: of
 * no repository.
 */
export async function followUp(
  context: CommandContext,
  opened: Opened,
  { retention, after }: JobConfig,
  request: BackupRequest,
  outer: CommandContext,
): Promise<void> {
  const { repository } = opened
  if (after.verify !== undefined) {
    const { verifyAndTell } = await import('./commands/verify.ts')
    await verifyAndTell(context, opened, { data: after.verify === 'data', threads: threadsOf(undefined) })
    context.journal?.note('verified', { data: after.verify === 'data' })
  }
  await copyToAll(context, repository, after.copy, request, outer)
  await keepRoom(context, repository, { retention, prune: after.prune }, request)
}

/** Every destination is tried. Throws the first error that there was, when all have been. */
async function copyToAll(
  context: CommandContext,
  repository: Repository,
  copies: readonly CopyConfig[],
  request: BackupRequest,
  outer: CommandContext,
): Promise<void> {
  const failures: { readonly name: string; readonly error: SnapError }[] = []
  for (const copy of copies) {
    try {
      await copyTo(context, repository, copy, request, outer)
    } catch (error) {
      context.signal.throwIfAborted()
      if (!(error instanceof SnapError)) throw error
      stderrWarning(context, `copy to ${copy.to.name}: ${messageOf(error)}`)
      failures.push({ name: copy.to.name, error })
    }
  }
  // What is not there at all is worse than what lacks something.
  const first = failures.find(({ error }) => error.code !== 'INCOMPLETE') ?? failures[0]
  if (first === undefined) return
  const names = failures.map(({ name }) => name).join(' and ')
  throw new SnapError(first.error.code, `saved, but not copied to ${names}: ${first.error.message}`, {
    hint: 'The next run copies what is missing there. Until then nothing is forgotten here.',
    cause: first.error,
  })
}

async function copyTo(
  context: CommandContext,
  repository: Repository,
  { to, retention, prune }: CopyConfig,
  request: BackupRequest,
  outer: CommandContext,
): Promise<void> {
  const { openDestination } = await import('./destination.ts')
  const { planCopies } = await import('../ops/copy/plan-copy.ts')
  const { copyAndTell } = await import('./copying.ts')
  const destination = await openDestination(contextFor(outer, to))
  await using there = destination.repository
  const rows = repository.manifest.snapshots.list({ series: seriesOfRequest(repository, request) })
  const missing = (await planCopies(repository, there, rows)).filter(({ state }) => state === 'missing')
  const { write } = request
  await copyAndTell(context, repository, destination, missing, { ...write, recheck: true })
  await keepRoom(destination.context, there, { retention, prune }, request)
  const { lookAtOpen } = await import('./look.ts')
  await lookAtOpen(destination.context, there)
}

type Room = { readonly retention: RetentionPolicy | undefined; readonly prune: boolean }

/** Of the job's snapshots, in its repository or in one that they are copied into. */
async function keepRoom(
  context: CommandContext,
  repository: Repository,
  { retention, prune }: Room,
  request: BackupRequest,
): Promise<void> {
  if (retention !== undefined) {
    const { forgetAndTell } = await import('./commands/forget.ts')
    const own = seriesOfRequest(repository, request)
    await forgetAndTell(
      context,
      repository,
      { policy: retention, groupBy: ['series'], concerns: ({ series }) => series === own },
      { dryRun: false, undeleteWindow: DEFAULT_PRUNE_OPTIONS.undeleteWindow, prune },
    )
  }
  if (prune) {
    const { pruneAndTell } = await import('./commands/prune.ts')
    await pruneAndTell(context, repository, pruneRequestOf(DEFAULT_PRUNE_OPTIONS, context.clock.now(), false))
  }
}
