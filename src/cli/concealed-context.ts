/** A context in which nothing that a configuration keeps secret is repeated, whoever says it. */
import type { Config } from '../jobs/config/config.ts'
import type { CommandContext } from './context.ts'
import { variable } from './locations.ts'
import { concealing } from './output/concealing.ts'

export type ConcealedContext = CommandContext & { readonly secrets: string[] }

export async function concealedContext(context: CommandContext, config: Config): Promise<ConcealedContext> {
  const { secretsOf } = await import('../jobs/config/secrets-of.ts')
  const { stdout, stderr, env, globals } = context
  // Also the password that hooks inherit, where the configuration names another for the repository.
  const passwords = [env, process.env].flatMap((variables) => variable(variables, 'SNAP_PASSWORD') ?? [])
  const secrets = [...secretsOf(config), ...passwords]
  return {
    ...context,
    secrets,
    stdout: concealing(stdout, secrets, globals.json),
    stderr: concealing(stderr, secrets, globals.json),
  }
}
