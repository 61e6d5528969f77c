/** What follows a job's backup that was saved: the repository is checked, old snapshots are forgotten, space is freed. */
import type { JobConfig } from '../jobs/config/config.ts'
import { type BackupRequest, seriesOfRequest } from '../ops/backup/request.ts'
import type { CommandContext } from './context.ts'
import { DEFAULT_PRUNE_OPTIONS, pruneRequestOf } from './prune-options.ts'
import type { Opened } from './repository.ts'
import { threadsOf } from './threads-option.ts'

/** In this order: nothing is forgotten, and nothing freed, where what is stored was found damaged. */
export async function followUp(
  context: CommandContext,
  opened: Opened,
  { retention, after }: JobConfig,
  request: BackupRequest,
): Promise<void> {
  const { repository } = opened
  if (after.verify !== undefined) {
    const { verifyAndTell } = await import('./commands/verify.ts')
    await verifyAndTell(context, opened, { data: after.verify === 'data', threads: threadsOf(undefined) })
    context.journal?.note('verified', { data: after.verify === 'data' })
  }
  if (retention !== undefined) {
    const { forgetAndTell } = await import('./commands/forget.ts')
    const own = seriesOfRequest(repository, request)
    await forgetAndTell(
      context,
      repository,
      { policy: retention, groupBy: ['series'], concerns: ({ series }) => series === own },
      { dryRun: false, undeleteWindow: DEFAULT_PRUNE_OPTIONS.undeleteWindow, prune: after.prune },
    )
  }
  if (after.prune) {
    const { pruneAndTell } = await import('./commands/prune.ts')
    await pruneAndTell(context, repository, pruneRequestOf(DEFAULT_PRUNE_OPTIONS, context.clock.now(), false))
  }
}
