/** `snap schedule`: when jobs run, and what makes them run then. */
import { hostname } from 'node:os'
import { rfc3339OfMs } from '../../base/timestamp.ts'
import type { JobStatus } from '../../jobs/status/report.ts'
import { SnapError } from '../../model/errors.ts'
import { concealed } from '../concealed-context.ts'
import type { CommandContext } from '../context.ts'
import { jsonArray } from '../output/json-lines.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import { renderTable } from '../output/table.ts'
import type { CommandModule } from '../program.ts'

type InstallOptions = {
  readonly systemd: boolean
  readonly cron: boolean
  readonly launchd: boolean
  readonly windows: boolean
  readonly print: boolean
}

const COLUMNS = [
  { title: 'name' },
  { title: 'kind' },
  { title: 'schedule' },
  { title: 'zone' },
  { title: 'next run' },
  { title: 'last run' },
] as const

export const scheduleCommand: CommandModule = {
  register(program, run) {
    const schedule = program
      .command('schedule')
      .description('when jobs run, and what makes them run then')
      .addHelpText(
        'after',
        '\nExamples:\n  $ snap schedule list\n  $ snap schedule install --systemd --print',
      )
    schedule
      .command('list')
      .description('list jobs and drills with their schedules, and when they run next')
      .addHelpText('after', '\nExample:\n  $ snap schedule list')
      .action(run<[object]>(listAction))
    schedule
      .command('run')
      .description(
        'run the jobs and drills that are due, and end: for cron and the like, to be called each minute',
      )
      .addHelpText('after', '\nExample:\n  $ snap schedule run --quiet')
      .action(run<[object]>(concealed(runAction)))
    schedule
      .command('install')
      .description('set up what keeps the schedule: the daemon as a service, or a call each minute')
      .option('--systemd', 'a unit for systemd, which runs the daemon', false)
      .option('--cron', 'a line in the crontab', false)
      .option('--launchd', 'an agent of macOS, which runs the daemon', false)
      .option('--windows', 'a task of the Windows Task Scheduler', false)
      .option('--print', 'print what would be written, and write nothing', false)
      .addHelpText(
        'after',
        `
What is written is shown first. Under root a service of the system is set up, else one of the user. Variables of this shell are not
written into it: what the configuration takes from the environment has to be set there (Environment=, or in the crontab).

Examples:
  $ snap schedule install --systemd
  $ snap schedule install --cron --print`,
      )
      .action(run<[InstallOptions]>(installAction))
  },
}

async function listAction(context: CommandContext): Promise<void> {
  const { loadConfiguration } = await import('../configuration.ts')
  const config = await loadConfiguration(context)
  const { configKey, openStateAnyhow } = await import('../state.ts')
  const { gatherReport } = await import('../../jobs/status/gather.ts')
  const { formatLocalTime } = await import('../../ops/zoned-time.ts')
  using state = openStateAnyhow(context)
  const request = { config, key: configKey(config), host: hostname(), nowMs: context.clock.now() }
  const { jobs, drills } = state.guarded((open) => gatherReport(open, request))
  const { runnablesOf } = await import('../../jobs/schedule/runnables.ts')
  const known = new Map<string, Pick<JobStatus, 'nextRun' | 'lastRun'>>([
    ...jobs.map((each) => [each.job, each] as const),
    ...drills.map((each) => [each.drill, each] as const),
  ])
  const rows = runnablesOf(config).map(({ name: job, kind, schedule }) => {
    const { nextRun, lastRun } = known.get(job) ?? {}
    const texts = schedule?.texts
    return { job, kind, at: texts?.at ?? [], zone: texts?.timeZone, nextRun, lastRun: lastRun?.startedMs }
  })
  const { globals, stdout } = context
  const timeOf = (ms: number | undefined): string => (ms === undefined ? '' : formatLocalTime(ms))
  if (globals.json)
    stdout.write(
      jsonArray(
        rows.map(({ job, kind, at, zone, nextRun, lastRun }) => ({
          job,
          kind,
          schedule: at,
          ...(zone === undefined ? {} : { timezone: zone }),
          ...(nextRun === undefined ? {} : { next_run: rfc3339OfMs(nextRun) }),
          ...(lastRun === undefined ? {} : { last_run: rfc3339OfMs(lastRun) }),
        })),
      ),
    )
  else
    stdout.write(
      renderTable(
        COLUMNS,
        rows.map(({ job, kind, at, zone, nextRun, lastRun }) => [
          job,
          kind,
          at.length === 0 ? 'none' : at.join(', '),
          zone ?? '',
          timeOf(nextRun),
          timeOf(lastRun),
        ]),
      ),
    )
}

async function runAction(context: CommandContext): Promise<void> {
  const { startDaemon } = await import('../start-daemon.ts')
  const { loadConfiguration } = await import('../configuration.ts')
  const { openStateAnyhow } = await import('../state.ts')
  using state = openStateAnyhow(context)
  const daemon = await startDaemon(context, await loadConfiguration(context), state)
  const failed = await daemon.once(context.signal)
  if (failed.length > 0)
    throw new SnapError('UNHEALTHY', failed.join(', '), {
      hint: '`snap runs` and `snap logs JOB` tell more.',
    })
}

async function installAction(context: CommandContext, options: InstallOptions): Promise<void> {
  const kinds = (['systemd', 'cron', 'launchd', 'windows'] as const).filter((kind) => options[kind])
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1)
    throw new SnapError('USAGE', 'one of --systemd, --cron, --launchd and --windows is needed', {
      hint: 'Choose what this machine has.',
    })
  const { configFileOf, loadConfiguration } = await import('../configuration.ts')
  await loadConfiguration(context)
  const { ownProgram } = await import('../own-program.ts')
  const { installer } = await import('../../jobs/schedule/installers.ts')
  const { homedir } = await import('node:os')
  const install = installer(kind, {
    program: ownProgram(),
    configFile: configFileOf(context),
    isRoot: process.getuid?.() === 0,
    home: homedir(),
  })
  const { globals, stdout } = context
  const { path, text, next } = install
  if (globals.json) stdout.write(`${JSON.stringify({ message_type: 'schedule', kind, path, text, next })}\n`)
  else {
    if (!options.print) stderrNote(context, `${path}:`)
    if (options.print || !globals.quiet) stdout.write(text)
  }
  if (options.print) return
  await install.write((warning) => stderrWarning(context, warning))
  if (next !== undefined) stderrNote(context, `now run: ${next}`)
}
