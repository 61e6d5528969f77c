/** `snap drill`: tries a recovery, and says how drills do. */
import type { Config } from '../../jobs/config/config.ts'
import { SnapError } from '../../model/errors.ts'
import type { CommandContext } from '../context.ts'
import type { CommandModule } from '../program.ts'
import { threadsOf } from '../threads-option.ts'

type Options = { readonly list: boolean; readonly threads?: string }

export const drillCommand: CommandModule = {
  register(program, run) {
    program
      .command('drill')
      .description('restore into a scratch directory, check what came back, and measure how long it took')
      .argument('[drill]', 'a drill of the configuration')
      .option('--list', 'list the drills, how the last of each ended, and how long recovery took', false)
      .option('--threads <count>', 'worker threads (one for each processor)')
      .addHelpText(
        'after',
        `
The newest complete snapshot of the drill's job is restored into a new directory, read back from the disk and compared with the snapshot.
SQLite databases are checked, dumps of PostgreSQL are restored into a database of their own and counted, probes are run; then all of it
is removed. What was found is noted in the repository's log (snap audit), and the run in the history (snap runs).
Exit status 1: something was not as it should be; what, is said.

Examples:
  $ snap drill weekly-app
  $ snap drill --list`,
      )
      .action(run<[string | undefined, Options]>(drillAction))
  },
}

async function drillAction(
  outer: CommandContext,
  name: string | undefined,
  { list, threads }: Options,
): Promise<void> {
  const { contextFor, drillOf, loadConfiguration } = await import('../configuration.ts')
  const config = await loadConfiguration(outer)
  if (list) {
    if (name !== undefined)
      throw new SnapError('USAGE', 'a drill and --list were both given', { hint: 'Give one of them.' })
    return await listAction(outer, config)
  }
  const { refuseRepository } = await import('../in-repository.ts')
  refuseRepository(outer, 'a drill')
  const drill = drillOf(config, name ?? unnamed(config))
  const context = contextFor(outer, drill.job.repository)
  const { runJob } = await import('../job-run.ts')
  const { drillOnce } = await import('../drilling.ts')
  const { repository, name: job } = drill.job
  await runJob(
    context,
    config,
    { ...drill, kind: 'drill', job, repository, ping: undefined },
    (inner, saved, run) => drillOnce(inner, { config, drill, run, threads: threadsOf(threads) }, saved),
  )
}

function unnamed({ drills, file }: Config): never {
  const known = [...drills.keys()].join(', ')
  throw new SnapError('USAGE', 'a drill is missing', {
    hint: known === '' ? `${file} has none.` : `There are ${known}.`,
  })
}

async function listAction(context: CommandContext, config: Config): Promise<void> {
  const { openState } = await import('../state.ts')
  const { reportOf } = await import('../tell.ts')
  const { renderDrills, renderDrillsJson } = await import('../render/drill.ts')
  const { globals, stdout } = context
  using state = openState(context)
  const report = reportOf(context, config, state)
  const schedules = new Map(
    [...config.drills.values()].map(({ name, schedule }) => [name, schedule?.texts.at ?? []]),
  )
  stdout.write(globals.json ? renderDrillsJson(report, schedules) : renderDrills(report, schedules))
}
