/** `snap runs`: what jobs did on this machine, and how it ended. */
import { SnapError } from '../../model/errors.ts'
import type { CommandContext } from '../context.ts'
import type { CommandModule } from '../program.ts'

type Options = { readonly job?: string; readonly since?: string; readonly limit: string }

const LIMIT = '30'
const LIMIT_MAX = 100_000

export const runsCommand: CommandModule = {
  register(program, run) {
    program
      .command('runs')
      .description('list the runs of jobs on this machine, newest first')
      .option('--job <name>', 'only of this job')
      .option('--since <time>', 'only those that began then or later: "yesterday", "2025-11-19"')
      .option('--limit <count>', 'so many at most', LIMIT)
      .addHelpText(
        'after',
        `
A run that died ended without a word: it was killed, or the machine stopped.

Examples:
  $ snap runs
  $ snap runs --job nightly --since "7 days ago"`,
      )
      .action(run<[Options]>(runsAction))
  },
}

async function runsAction(context: CommandContext, { job, since, limit }: Options): Promise<void> {
  const { loadConfiguration, jobOf } = await import('../configuration.ts')
  const config = await loadConfiguration(context)
  const { configKey, openState } = await import('../state.ts')
  const { globals, stdout, clock } = context
  using state = openState(context)
  const sinceMs = since === undefined ? undefined : await momentOf(since, clock.now())
  const filter = { config: configKey(config), job, sinceMs, limit: countOf(limit) }
  const runs = state.guarded((open) => open.runs.list(filter))
  // A job that the configuration has no more has its history still.
  if (job !== undefined && runs.length === 0 && !config.drills.has(job)) jobOf(config, job)
  const { renderRuns, renderRunsJson } = await import('../render/runs.ts')
  stdout.write(globals.json ? renderRunsJson(runs) : renderRuns(runs, clock.now()))
}

async function momentOf(text: string, now: number): Promise<number> {
  const { parseMoment } = await import('../../ops/parse-moment.ts')
  return parseMoment(text, { now, edge: 'first' })
}

function countOf(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count > 0 && count <= LIMIT_MAX) return count
  throw new SnapError('USAGE', `--limit ${text} is no count`, {
    hint: `Give a number from 1 to ${LIMIT_MAX}.`,
  })
}
