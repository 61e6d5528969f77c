/** What this machine remembers of jobs, as a command finds it. */
import { hostname } from 'node:os'
import { absolutePath } from '../filesystem/absolute-path.ts'
import type { Config } from '../jobs/config/config.ts'
import { State } from '../jobs/state/state.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'

/** How the history names a configuration: several machines may share a state directory. */
export const configKey = ({ file }: Pick<Config, 'file'>): string => `${hostname()}:${file}`

/** Absolute. */
export const stateDirectory = ({ locations }: CommandContext): string => absolutePath(locations.state)

/** `STATE_FAILED` where it cannot be used. The caller disposes of it. */
export function openState(context: CommandContext): State {
  return State.open(stateDirectory(context), context.clock)
}

/** Also where nothing can be kept: `unkept` says so. The caller disposes of it. */
export function openStateAnyhow(context: CommandContext): State {
  return State.openAnyhow(stateDirectory(context), context.clock, {
    note: (text) => stderrWarning(context, text),
  })
}
