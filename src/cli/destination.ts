/** The second repository of a command: where a copy goes to. It is opened as the first is, with a secret of its own. */
import { messageOf, SnapError } from '../model/errors.ts'
import type { Repository } from '../repository/repository.ts'
import { contextFor } from './configuration.ts'
import type { CommandContext } from './context.ts'
import { repositoryNamed } from './in-repository.ts'
import { variable } from './locations.ts'
import { safeText } from './output/safe-text.ts'
import { openChosen, placeOf } from './repository.ts'

export type DestinationOptions = {
  /** A name in the configuration, or a path. */
  readonly to: string
  readonly toKeyFile?: string
  readonly toPasswordFile?: string
}

export type Destination = {
  /** As if it were the command's only one. */
  readonly context: CommandContext
  readonly repository: Repository
}

/** Those of the first repository say nothing of the second. */
const SECRETS = ['KEY_FILE', 'PASSWORD', 'PASSWORD_FILE', 'PASSWORD_COMMAND'] as const
const HINT =
  'Give --to-key-file or --to-password-file, or set SNAP_TO_KEY_FILE, SNAP_TO_PASSWORD, SNAP_TO_PASSWORD_FILE or SNAP_TO_PASSWORD_COMMAND.'

/** The context in which the destination is the repository. What is given on the command line or by SNAP_TO_... goes before the configuration. */
export async function destinationContext(
  context: CommandContext,
  options: DestinationOptions,
): Promise<CommandContext> {
  const { to, toKeyFile, toPasswordFile } = options
  if (toKeyFile !== undefined && toPasswordFile !== undefined)
    throw new SnapError('USAGE', '--to-key-file and --to-password-file were both given', {
      hint: 'Give one of them.',
    })
  const own = ownSecret(context, options)
  const named = await repositoryNamed(context, to)
  if (named !== undefined && !own.isGiven) return contextFor({ ...context, ...own }, named)
  const globals = {
    ...own.globals,
    repository: named?.path ?? to,
    repositoryName: named?.name,
    store: named?.store,
    cacheDirectory: named?.cacheDirectory ?? context.globals.cacheDirectory,
  }
  return { ...context, env: own.env, globals }
}

function ownSecret({ env, globals }: CommandContext, { toKeyFile, toPasswordFile }: DestinationOptions) {
  const others = Object.entries(env).filter(([name]) => !SECRETS.some((secret) => name === `SNAP_${secret}`))
  const isOption = toKeyFile !== undefined || toPasswordFile !== undefined
  const given = SECRETS.flatMap((secret) => {
    const value = isOption ? undefined : variable(env, `SNAP_TO_${secret}`)
    return value === undefined ? [] : [[`SNAP_${secret}`, value] as const]
  })
  if (toPasswordFile !== undefined) given.push(['SNAP_PASSWORD_FILE', toPasswordFile])
  return {
    isGiven: isOption || given.length > 0,
    env: Object.fromEntries([...others, ...given]),
    globals: { ...globals, keyFile: toKeyFile },
  }
}

/** Opens the repository of such a context. Errors say that it is the destination that is meant. */
export async function openDestination(outer: CommandContext): Promise<Destination> {
  const { path } = placeOf(outer)
  const context = { ...outer, passwordPrompt: `password of ${safeText(path)}: ` }
  try {
    return { context, repository: await openChosen(context) }
  } catch (error) {
    if (!(error instanceof SnapError)) throw error
    const isOfKey = error.code === 'KEY_MISSING' || error.code === 'KEY_WRONG'
    const hint = isOfKey ? HINT : (error.hint ?? '').replace('--repo', '--to')
    throw new SnapError(error.code, `${path}, to be copied to: ${messageOf(error)}`, {
      ...(hint === '' ? {} : { hint }),
      cause: error,
    })
  }
}
