/** `snap status`: whether all is as it should be, for people, monitoring and scripts. */
import { hostname } from 'node:os'
import { parseDuration } from '../../base/duration.ts'
import type { State } from '../../jobs/state/state.ts'
import { isTrouble, type StatusReport } from '../../jobs/status/report.ts'
import { hasCode, SnapError } from '../../model/errors.ts'
import type { CommandContext } from '../context.ts'
import type { CommandModule } from '../program.ts'

type Options = { readonly maxAge?: string; readonly notify: boolean }

export const statusCommand: CommandModule = {
  register(program, run) {
    program
      .command('status')
      .description('say whether every job has a good snapshot that is new enough')
      .option(
        '--max-age <time>',
        'how old the last complete snapshot may be, as 26h: of all, jobs with a max-age excepted',
      )
      .option('--notify', 'tell of it as the configuration says, and write its metrics', false)
      .addHelpText(
        'after',
        `
Of each job: healthy, stale (its last complete snapshot is too old, or the last run was incomplete or interrupted), critical (the
last run failed, it is very old, or the repository is away or damaged), unknown (it was never run). A snapshot is too old by the
job's max-age, else by its schedule. Without a configuration, the series of the repository are shown.
Exit status 5: something is stale or critical.

Examples:
  $ snap status
  $ snap status --max-age 26h --json`,
      )
      .action(run<[Options]>(statusAction))
  },
}

async function statusAction(context: CommandContext, { maxAge, notify }: Options): Promise<void> {
  const maxAgeMs = maxAge === undefined ? undefined : parseDuration(maxAge)
  const report =
    (await reportOfConfiguration(context, maxAgeMs, notify)) ?? (await reportWithout(context, maxAgeMs))
  const { globals, stdout } = context
  const { renderStatus, renderStatusJson } = await import('../render/status.ts')
  if (globals.json) stdout.write(renderStatusJson(report))
  else if (!globals.quiet) stdout.write(renderStatus(report))
  refuseUnhealthy(report)
}

/** `undefined` where there is no configuration. */
async function reportOfConfiguration(
  outer: CommandContext,
  maxAgeMs: number | undefined,
  notify: boolean,
): Promise<StatusReport | undefined> {
  const { configFileOf, loadConfiguration } = await import('../configuration.ts')
  try {
    configFileOf(outer)
  } catch (error) {
    if (!hasCode(error, 'USAGE') || outer.globals.configFile !== undefined) throw error
    return undefined
  }
  const config = await loadConfiguration(outer)
  const { concealedContext } = await import('../concealed-context.ts')
  const context = await concealedContext(outer, config)
  const { configKey } = await import('../state.ts')
  using state = await openedState(context)
  const { lookAtAll } = await import('../look.ts')
  await lookAtAll(context, state, config)
  if (notify) {
    const { tellOfState } = await import('../tell.ts')
    await tellOfState(context, config, state)
  }
  const { gatherReport } = await import('../../jobs/status/gather.ts')
  const request = { config, key: configKey(config), host: hostname(), nowMs: context.clock.now(), maxAgeMs }
  return state.guarded((open) => gatherReport(open, request))
}

async function reportWithout(context: CommandContext, maxAgeMs: number | undefined): Promise<StatusReport> {
  const { openChosen, placeOf } = await import('../repository.ts')
  const { rememberLook } = await import('../look.ts')
  await using repository = await openChosen(context)
  using state = await openedState(context)
  await rememberLook(context, state, repository)
  const { reportOfRepository } = await import('../../jobs/status/gather.ts')
  const request = { path: placeOf(context).path, host: hostname(), nowMs: context.clock.now(), maxAgeMs }
  return state.guarded((open) => reportOfRepository(open, request))
}

/** What repositories say is told also where nothing can be remembered. */
async function openedState(context: CommandContext): Promise<State> {
  const { openStateAnyhow } = await import('../state.ts')
  const state = openStateAnyhow(context)
  if (state.unkept !== undefined) {
    const { stderrWarning } = await import('../output/notes.ts')
    stderrWarning(context, `${state.unkept.message}: what is known of runs may be old, or missing`)
  }
  return state
}

function refuseUnhealthy({ health, jobs, drills, repositories, archives, series }: StatusReport): void {
  if (!isTrouble(health)) return
  const names = [
    ...jobs.map((each) => ({ name: each.job, health: each.health })),
    ...drills.map((each) => ({ name: each.drill, health: each.health })),
    ...series.map((each) => ({
      name: `${each.host} ${each.job ?? each.paths.join(' ')}`,
      health: each.health,
    })),
    ...archives.map(({ source, late }) => ({
      name: `archived WAL of ${source}`,
      health: late === undefined ? undefined : ('stale' as const),
    })),
    ...repositories.map((each) => ({
      name: each.repository,
      health: each.unreachable === undefined ? undefined : ('unreachable' as const),
    })),
  ]
  const bad = names.filter(
    ({ health: each }) => each === 'unreachable' || (each !== undefined && isTrouble(each)),
  )
  const text = bad.map((each) => `${each.name} is ${each.health}`).join(', ')
  throw new SnapError('UNHEALTHY', text, { hint: '`snap runs` and `snap logs JOB` tell more.' })
}
