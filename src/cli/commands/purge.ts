/** `snap purge`: takes paths out of all snapshots, and frees what only they needed. */
import { SnapError } from '../../model/errors.ts'
import type { CurrentSnapshot } from '../../ops/current-snapshots.ts'
import type { PurgeOptions } from '../../ops/purge/purge.ts'
import { filterSnapshots } from '../../ops/select-moment.ts'
import { type FilterOptions, filterOf } from '../choose-snapshot.ts'
import type { CommandContext } from '../context.ts'
import { inRepository } from '../in-repository.ts'
import { plural } from '../output/human.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { progressOf } from '../output/progress-of.ts'
import type { CommandModule } from '../program.ts'
import { confirm } from '../prompt.ts'
import { parseAge } from '../prune-options.ts'
import { renderPurge, renderPurgeJson, renderPurgePlan, renderPurgePlanJson } from '../render/purge.ts'
import { openChosen, secretSources } from '../repository.ts'

type Options = FilterOptions & {
  readonly glob: boolean
  readonly undeleteWindow: string
  readonly strayAge: string
  readonly acceptDamagedLog: boolean
  readonly dryRun: boolean
  readonly yes: boolean
}

/** Paths that are named without `-v`. */
const PATHS_SHOWN = 20

export const purgeCommand: CommandModule = {
  register(program, run) {
    program
      .command('purge')
      .description('take paths out of all snapshots for good')
      .argument('<paths...>', 'paths in snapshots, from the root')
      .option(
        '-g, --glob',
        'the paths are patterns: *, ? and [...] within a name, ** any number of names',
        false,
      )
      .option('--host <name>', 'only from snapshots of this host')
      .option('--path <path>', 'only from snapshots of this source path')
      .option('--tag <tag>', 'only from snapshots with this tag')
      .option(
        '--undelete-window <span>',
        'spare other snapshots that were forgotten less than this ago; 0 spares none',
        '14d',
      )
      .option('--stray-age <span>', 'remove what unfinished backups left when it is older', '7d')
      .option(
        '--accept-damaged-log',
        'go on though log entries cannot be read: their snapshots are lost',
        false,
      )
      .option('-n, --dry-run', 'change nothing; say what would go', false)
      .option('-y, --yes', 'do not ask', false)
      .addHelpText(
        'after',
        `
Every snapshot that has one of the paths, forgotten and held ones too, is replaced by one without it, and pruned at
once: this cannot be undone. Paths are taken as they are written, whatever characters they hold. The next backup takes the files in again where they are still there: exclude them first.
Ended at any moment, it is run again. Exit status 4: something is left, in packs that are damaged.

Examples:
  $ snap purge /home/me/secret.txt --dry-run
  $ snap purge /home/me/secret.txt
  $ snap purge --glob '**/*.key' --host web1 --dry-run`,
      )
      .action(run<[string[], Options]>(inRepository(purgeAction)))
  },
}

async function purgeAction(context: CommandContext, paths: string[], options: Options): Promise<void> {
  const nowMs = context.clock.now()
  const request: PurgeOptions = {
    paths: paths.map((text) => ({ text, isGlob: options.glob })),
    concerns: concernsOf(options),
    undoMs: parseAge(options.undeleteWindow, nowMs),
    strayMs: parseAge(options.strayAge, nowMs),
    acceptDamagedLog: options.acceptDamagedLog,
  }
  await using repository = await openChosen(context)
  const { purge, preparePurge } = await import('../../ops/purge/purge.ts')
  const { globals, stdout, signal } = context
  if (options.dryRun || !options.yes) {
    using progress = progressOf(context)
    const ports = { progress: progress.on.bind(progress), signal }
    const plan = await preparePurge(repository, request, ports, options.dryRun)
    progress.close()
    const shown = globals.verbosity > 0 ? plan.paths.length : PATHS_SHOWN
    if (options.dryRun) {
      stdout.write(globals.json ? renderPurgePlanJson(plan) : renderPurgePlan(plan, shown))
      return
    }
    await ask(context, renderPurgePlan(plan, shown))
  }
  using working = progressOf(context)
  const report = await purge(repository, request, { progress: working.on.bind(working), signal })
  working.close()
  if (report.unmatched.length > 0 && report.snapshots.length === 0)
    stderrNote(context, 'no snapshot has the paths (any more): a purge that was interrupted is complete now')
  if (globals.json) stdout.write(renderPurgeJson(report))
  else if (!globals.quiet || report.proof.left > 0) stdout.write(renderPurge(report))
  if (!report.isManifestClean)
    stderrWarning(
      context,
      'another process reads the local database: what was in it stays in its file until that has ended and this is run again',
    )
  if (report.madeMeanwhile.length > 0)
    stderrWarning(
      context,
      `${plural(report.madeMeanwhile.length, 'snapshot')} with the paths made meanwhile: exclude them from backups, then run this again`,
    )
  if (report.proof.left === 0) return
  throw new SnapError('OBJECT_DAMAGED', `${plural(report.proof.left, 'chunk')} left in damaged packs`, {
    hint: 'Run `snap repair`, then `snap prune --max-unused 0`.',
  })
}

/** `USAGE` where there is nobody to ask, `INTERRUPTED` where the answer is no. */
async function ask(context: CommandContext, plan: string): Promise<void> {
  const { terminal } = secretSources(context)
  if (terminal === undefined || context.globals.json) {
    throw new SnapError('USAGE', 'a purge cannot be undone, and there is nobody to ask', {
      hint: 'Look at --dry-run, then say --yes.',
    })
  }
  terminal.output.write(plan)
  if (await confirm(terminal, 'Take this out of the repository for good?', context.signal)) return
  throw new SnapError('INTERRUPTED', 'nothing was changed', { hint: 'Answer `yes` to go on.' })
}

function concernsOf(options: FilterOptions): (snapshot: CurrentSnapshot) => boolean {
  if ([options.host, options.path, options.tag].includes(''))
    throw new SnapError('USAGE', '--host, --path or --tag is empty', { hint: 'Is a variable not set?' })
  const filter = filterOf(options)
  const isFiltered = [options.host, options.path, options.tag].some((value) => value !== undefined)
  return (snapshot) => {
    if (!isFiltered) return true
    const { timeMs: time, host: hostname, label, ...rest } = snapshot
    const summary = { ...rest, time, hostname, label: label ?? undefined }
    return snapshot.isReadable && filterSnapshots([summary], filter).length > 0
  }
}
