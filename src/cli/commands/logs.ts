/** `snap logs`: what a run of a job said. */
import type { Config } from '../../jobs/config/config.ts'
import type { Run } from '../../jobs/state/run.ts'
import type { State } from '../../jobs/state/state.ts'
import { SnapError } from '../../model/errors.ts'
import type { CommandContext } from '../context.ts'
import type { CommandModule } from '../program.ts'

type Options = { readonly follow: boolean }

export const logsCommand: CommandModule = {
  register(program, run) {
    program
      .command('logs')
      .description('print the log of a run of a job')
      .argument('[run]', 'an id or its beginning, a job (its newest run), or latest', 'latest')
      .option('-f, --follow', 'go on until the run has ended', false)
      .addHelpText('after', '\nExamples:\n  $ snap logs\n  $ snap logs nightly --follow')
      .action(run<[string, Options]>(logsAction))
  },
}

async function logsAction(context: CommandContext, text: string, { follow }: Options): Promise<void> {
  const { loadConfiguration } = await import('../configuration.ts')
  const config = await loadConfiguration(context)
  const { configKey, openState } = await import('../state.ts')
  const { globals, stdout, signal } = context
  using state = openState(context)
  const key = configKey(config)
  const run = state.guarded((open) => chosenRun(open, config, key, text))
  const { logOf } = await import('../../jobs/runs/log-files.ts')
  const { readLog } = await import('../../jobs/runs/read-log.ts')
  const { renderLogLine } = await import('../render/log-line.ts')
  const file = logOf(state.directory, run) ?? unknown(`the run ${run.id} has no log`, whyNoLog(run))
  // Another run of the job may follow while nobody looks.
  const isRunning = (): boolean =>
    follow &&
    state.guarded(({ runs }) => runs.beginningWith(key, run.id)).some(({ outcome }) => outcome === undefined)
  for await (const line of readLog(file, isRunning, signal))
    stdout.write(globals.json ? `${line}\n` : renderLogLine(line))
}

const whyNoLog = ({ outcome, message }: Run): string =>
  `It ${outcome === 'skipped' ? 'was skipped' : 'did not come so far'}${message === undefined ? '' : `: ${message}`}.`

/** `RUN_UNKNOWN` where there is none. `key`: of the configuration in the history. */
function chosenRun({ runs }: State, config: Config, key: string, text: string): Run {
  const newest = (job?: string): Run | undefined =>
    runs.list({ config: key, job, limit: 100 }).find(({ log }) => log !== undefined)
  if (text === 'latest')
    return newest() ?? unknown('there are no runs yet', 'Run a job: `snap backup --job NAME`.')
  // A job that the configuration has no more has its history still.
  const ofJob = newest(text)
  if (ofJob !== undefined) return ofJob
  if (config.drills.has(text)) return unknown(`${text} was never run`, `Run it: \`snap drill ${text}\`.`)
  if (config.jobs.has(text)) return unknown(`${text} was never run`, `Run it: \`snap backup --job ${text}\`.`)
  const [run, other] = runs.beginningWith(key, text)
  if (run === undefined) return unknown(`no run, and no job, is called ${text}`, '`snap runs` lists them.')
  if (other !== undefined) return unknown(`several runs begin with ${text}`, 'Give more of the id.')
  return run
}

function unknown(message: string, hint: string): never {
  throw new SnapError('RUN_UNKNOWN', message, { hint })
}
