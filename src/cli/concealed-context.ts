/** A context in which nothing that a configuration keeps secret is repeated, whoever says it. */
import type { Config } from '../jobs/config/config.ts'
import type { CommandContext } from './context.ts'
import { variable } from './locations.ts'
import { concealing } from './output/concealing.ts'

export type ConcealedContext = CommandContext & { readonly secrets: string[] }

const SECRET_VARIABLES = ['SNAP_PASSWORD', 'SNAP_TO_PASSWORD', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN']

export async function concealedContext(context: CommandContext, config: Config): Promise<ConcealedContext> {
  const { secretsOf } = await import('../jobs/config/secrets-of.ts')
  const { stdout, stderr, env, globals } = context
  // Also what hooks inherit, where the configuration names another for the repository.
  const inherited = [env, process.env].flatMap((variables) =>
    SECRET_VARIABLES.flatMap((name) => variable(variables, name) ?? []),
  )
  const secrets = [...secretsOf(config), ...inherited]
  return {
    ...context,
    secrets,
    stdout: concealing(stdout, secrets, globals.json),
    stderr: concealing(stderr, secrets, globals.json),
  }
}
