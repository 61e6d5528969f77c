/** Looks for what is stale or full by a process of its own: the daemon holds no key of any repository. */
import type { Config } from '../jobs/config/config.ts'
import { commandOutput } from '../jobs/sources/command-output.ts'
import type { CommandContext } from './context.ts'
import { stderrWarning } from './output/notes.ts'

/** A repository that does not answer. ms */
const TIMEOUT_MS = 600_000

/** Throws an `Error` where that cannot be done at all. */
export async function checkByChild(
  context: CommandContext,
  [program, ...args]: readonly [string, ...string[]],
  { file }: Config,
  signal: AbortSignal,
): Promise<void> {
  const argv = [program, ...args, 'status', '--notify', '--quiet', '--config', file] as const
  const env = { ...context.env, NOTIFY_SOCKET: undefined }
  const said = (line: string): void => {
    if (line.startsWith('warning: ')) stderrWarning(context, line.slice('warning: '.length))
  }
  for await (const _ of commandOutput(
    { argv: [...argv], env, timeoutMs: TIMEOUT_MS, accept: [0, 5] },
    signal,
    { said },
  ))
    void _
}
