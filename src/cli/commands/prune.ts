/** `snap prune`: frees what no snapshot needs. */
import { hasCode, SnapError } from '../../model/errors.ts'
import type { PruneRequest } from '../../ops/prune/prune.ts'
import type { Repository } from '../../repository/repository.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { addPruneOptions, type PruneOptions, pruneRequestOf } from '../prune-options.ts'
import { renderPrune, renderPruneJson } from '../render/prune.ts'
import { chosenPorts, openChosen } from '../repository.ts'

type Options = PruneOptions & { readonly dryRun: boolean }

export const pruneCommand: CommandModule = {
  register(program, run) {
    addPruneOptions(program.command('prune').description('free the space that no snapshot needs'))
      .option('-n, --dry-run', 'remove nothing; say what would be freed', false)
      .addHelpText(
        'after',
        `
Can be run at any time, while others back up, restore, forget and prune; ended at any moment, it is run again. On a full
disk it first removes what needs no copying. What was forgotten a short while ago stays, so that it can be had back.
Exit status 4: a damaged pack was left as it is.

Examples:
  $ snap prune --dry-run
  $ snap prune
  $ snap prune --max-repack 10G --undelete-window 0`,
      )
      .action(run<[Options]>(inRepository(pruneAction)))
  },
}

async function pruneAction(context: CommandContext, options: Options): Promise<void> {
  const request = pruneRequestOf(options, context.clock.now(), options.dryRun)
  try {
    await using repository = await openOnFullDisk(context)
    await pruneAndTell(context, repository, request)
  } catch (error) {
    // The local database's disk was full, and may have room now: what went went by the log.
    if (!hasCode(error, 'MANIFEST_FAILED')) throw error
    await using repository = await openOnFullDisk(context)
    await pruneAndTell(context, repository, request)
  }
}

/** Prunes and prints what became of it. */
export async function pruneAndTell(
  context: CommandContext,
  repository: Repository,
  request: PruneRequest,
): Promise<void> {
  const { prune } = await import('../../ops/prune/prune.ts')
  const { globals, stdout, signal, clock } = context
  const startedMs = clock.now()
  using progress = progressOf(context)
  const report = await prune(repository, request, { progress: progress.on.bind(progress), signal })
  progress.close()
  const { dead, repacked } = report.packs
  context.journal?.note('pruned', { packs: dead + repacked, removed_bytes: report.bytes.removed })
  const summary = { report, dryRun: request.dryRun, durationMs: clock.now() - startedMs }
  if (globals.json) stdout.write(renderPruneJson(summary))
  else if (!globals.quiet || report.damaged.length > 0) stdout.write(renderPrune(summary))
  if (report.damaged.length === 0) return
  throw new SnapError('OBJECT_DAMAGED', `${plural(report.damaged.length, 'pack')} damaged`, {
    hint: 'Run `snap repair`, back up once more, and then this again.',
  })
}

/** The local database may lie on the same disk, and take no more either. */
async function openOnFullDisk(context: CommandContext): Promise<Repository> {
  try {
    return await openChosen(context)
  } catch (error) {
    if (!hasCode(error, 'MANIFEST_FAILED', 'REPOSITORY_FULL')) throw error
  }
  const { storage } = await chosenPorts(context)
  await storage.releaseReserve()
  await storage[Symbol.asyncDispose]()
  return openChosen(context)
}
