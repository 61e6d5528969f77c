/** `snap daemon`: runs jobs when they are due, watches, and takes orders. */
import type { Api } from '../../daemon/api/server.ts'
import type { Daemon } from '../../daemon/daemon.ts'
import type { Config } from '../../jobs/config/config.ts'
import type { Run } from '../../jobs/state/run.ts'
import type { State } from '../../jobs/state/state.ts'
import type { StatusReport } from '../../jobs/status/report.ts'
import { messageOf } from '../../model/errors.ts'
import { concealed } from '../concealed-context.ts'
import type { CommandContext } from '../context.ts'
import { variable } from '../locations.ts'
import { stderrNote, stderrWarning } from '../output/notes.ts'
import type { CommandModule } from '../program.ts'

export const daemonCommand: CommandModule = {
  register(program, run) {
    program
      .command('daemon')
      .description('run the jobs of the configuration when they are due, until it is ended')
      .addHelpText(
        'after',
        `
Runs that were missed are caught up once. SIGHUP reads the configuration again; SIGTERM ends the jobs that run, and then the daemon.
Under systemd it says when it is ready (Type=notify). With daemon.listen in the configuration, an HTTP API starts jobs and tells how
they do; its document is at /v1/openapi.json. \`snap schedule install\` sets it up as a service.

Example:
  $ snap daemon --config /etc/snap/snap.yaml`,
      )
      .action(run<[object]>(concealed(daemonAction)))
  },
}

async function daemonAction(context: CommandContext): Promise<void> {
  const { loadConfiguration } = await import('../configuration.ts')
  const config = await loadConfiguration(context)
  const { configKey, openStateAnyhow } = await import('../state.ts')
  using state = openStateAnyhow(context)
  const { serviceManager } = await import('../../daemon/service-manager.ts')
  const { startDaemon } = await import('../start-daemon.ts')
  const { env, signal } = context
  const manager = serviceManager(variable(env, 'NOTIFY_SOCKET'), () => process.hrtime.bigint() / 1_000n)
  const daemon = await startDaemon(context, config, state, manager)
  const reload = async (): Promise<void> => {
    manager.reloading()
    try {
      daemon.reload(await loadConfiguration(context))
      stderrNote(context, 'the configuration was read again')
    } catch (error) {
      stderrWarning(context, `the configuration stays as it was: ${messageOf(error)}`)
    }
    manager.ready()
  }
  const onHangUp = (): void => void reload()
  process.on('SIGHUP', onHangUp)
  try {
    await using api = await apiOf(context, daemon, config, { state, key: configKey(config) })
    const { runnablesOf } = await import('../../jobs/schedule/runnables.ts')
    const all = runnablesOf(config)
    const scheduled = all.filter(({ schedule }) => schedule !== undefined).length
    const what = config.drills.size === 0 ? 'jobs' : 'jobs and drills'
    const jobs = `${scheduled} of ${all.length} ${what} have a schedule`
    stderrNote(
      context,
      `watching ${config.file}: ${jobs}${api === undefined ? '' : `; the API is at ${api.place}`}`,
    )
    await daemon.run(signal)
  } finally {
    process.off('SIGHUP', onHangUp)
  }
}

type Kept = { readonly state: State; readonly key: string }

async function apiOf(
  context: CommandContext,
  daemon: Daemon,
  { daemon: { listen, token } }: Config,
  { state, key }: Kept,
): Promise<Api | undefined> {
  if (listen === undefined) return undefined
  const { serveApi } = await import('../../daemon/api/server.ts')
  const { metricsOf } = await import('../../jobs/metrics/metrics-of.ts')
  const { reportOf } = await import('../tell.ts')
  const { logOf } = await import('../../jobs/runs/log-files.ts')
  const { readLog } = await import('../../jobs/runs/read-log.ts')
  const { readSecret } = await import('../../jobs/sources/secret-file.ts')
  const { version } = context
  const runOf = (id: string): Run | undefined =>
    state.guarded(({ runs }) => runs.beginningWith(key, id).find((run) => run.id === id))
  const report = (): StatusReport => reportOf(context, daemon.config, state)
  return await serveApi(
    {
      config: () => daemon.config,
      report,
      metrics: () => metricsOf(report()),
      runs: ({ job, limit }) => state.guarded(({ runs }) => runs.list({ config: key, job, limit })),
      run: runOf,
      // Another run of the job may follow while somebody listens.
      log: (run, signal) =>
        readLog(logOf(state.directory, run) ?? '', () => runOf(run.id)?.outcome === undefined, signal),
      start: (job, args) => daemon.start(job, 'api', args),
      listen: (listener) => daemon.events.listen(listener),
    },
    {
      address: listen,
      token: token === undefined ? undefined : token.kind === 'text' ? token.text : readSecret(token.path),
      version,
      warn: (text) => stderrWarning(context, text),
    },
  )
}
