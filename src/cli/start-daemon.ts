/** The daemon as the command line makes it. */
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { systemRandom } from '../crypto/random.ts'
import { Daemon } from '../daemon/daemon.ts'
import { JobProcesses } from '../daemon/job-processes.ts'
import { type ServiceManager, serviceManager } from '../daemon/service-manager.ts'
import type { Config } from '../jobs/config/config.ts'
import type { State } from '../jobs/state/state.ts'
import { messageOf } from '../model/errors.ts'
import { checkByChild } from './check-by-child.ts'
import type { CommandContext } from './context.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'
import { ownProgram } from './own-program.ts'
import { configKey } from './state.ts'

const SILENT: ServiceManager = serviceManager(undefined, () => 0n)

/** `manager`: who is told how it does. `state` stays open as long as it runs. */
export async function startDaemon(
  context: CommandContext,
  config: Config,
  state: State,
  manager: ServiceManager = SILENT,
): Promise<Daemon> {
  const program = ownProgram()
  const { env, clock } = context
  return new Daemon(
    { config, key: configKey(config), host: hostname(), state },
    {
      clock,
      sleep,
      processes: (events, told) =>
        new JobProcesses({
          program,
          env,
          configFile: config.file,
          atOnce: config.daemon.jobsAtOnce,
          events,
          ...told,
        }),
      random: systemRandom,
      manager,
      note: (text) => stderrNote(context, text),
      warn: (text) => stderrWarning(context, text),
      check: async (current, aborted) => {
        try {
          await checkByChild(context, program, current, aborted)
        } catch (error) {
          if (aborted.aborted) return
          // The file may be broken by now: people hear of it by what it said before.
          stderrWarning(context, `looking for what is stale or full failed: ${messageOf(error)}`)
          const { tellOfState } = await import('./tell.ts')
          await tellOfState(context, current, state)
        }
      },
    },
  )
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await wait(ms, undefined, { signal })
  } catch {
    // Woken: whoever sleeps looks why.
  }
}
