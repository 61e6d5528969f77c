/** A context that repeats no secret of a configuration: what commands, servers and errors say may have them. */
import type { Config } from '../jobs/config/config.ts'
import type { CommandContext } from './context.ts'
import { variable } from './locations.ts'
import { concealedError, concealing } from './output/concealing.ts'

export type ConcealedContext = CommandContext & { readonly secrets: string[] }

const SECRET_VARIABLES = ['SNAP_PASSWORD', 'SNAP_TO_PASSWORD', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

export async function concealedContext(context: CommandContext, config: Config): Promise<ConcealedContext> {
  const concealed = withSecrets(context, [])
  await learnSecrets(concealed, config)
  return concealed
}

function withSecrets(context: CommandContext, secrets: string[]): ConcealedContext {
  const { stdout, stderr, globals } = context
  return {
    ...context,
    secrets,
    stdout: concealing(stdout, secrets, globals.json),
    stderr: concealing(stderr, secrets, globals.json),
  }
}

/** From here on they are not repeated. */
export async function learnSecrets({ secrets, env }: ConcealedContext, config: Config): Promise<void> {
  const { secretsOf } = await import('../jobs/config/secrets-of.ts')
  // Also what hooks inherit, where the configuration names another for the repository.
  const inherited = [env, process.env].flatMap((variables) =>
    SECRET_VARIABLES.flatMap((name) => variable(variables, name) ?? []),
  )
  for (const secret of [...secretsOf(config), ...inherited])
    if (!secrets.includes(secret)) secrets.push(secret)
}

/** The action with a context and errors that repeat no secret of the configuration that it loads. */
export function concealed<Arguments extends unknown[]>(
  action: (context: CommandContext, ...args: Arguments) => Promise<void>,
): (context: CommandContext, ...args: Arguments) => Promise<void> {
  return async (context, ...args) => {
    const secrets: string[] = []
    try {
      await action(withSecrets(context, secrets), ...args)
    } catch (error) {
      throw concealedError(error, secrets) ?? error
    }
  }
}
