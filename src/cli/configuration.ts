/** The configuration that the command line means, and the context in which a command runs for a repository of it. */
import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { systemPath } from '../base/names.ts'
import { absolutePath } from '../filesystem/absolute-path.ts'
import { codeInWords, systemCode } from '../filesystem/system-error.ts'
import type { Config, RepositoryConfig } from '../jobs/config/config.ts'
import type { ConfigNames } from '../jobs/config/names.ts'
import type { ReadConfig } from '../jobs/config/read-config.ts'
import { messageOf, SnapError } from '../model/errors.ts'
import { learnSecrets } from './concealed-context.ts'
import type { CommandContext } from './context.ts'
import type { Environment } from './locations.ts'
import { stderrWarning } from './output/notes.ts'

/** What `snap.yaml` says counts, and nothing of these. */
const SECRET_VARIABLES = ['SNAP_KEY_FILE', 'SNAP_PASSWORD', 'SNAP_PASSWORD_FILE', 'SNAP_PASSWORD_COMMAND']
const READABLE_BY_OTHERS = 0o044
const CONFIG_BYTES_MAX = 1_048_576

/** Absolute; `USAGE` where none was named and none is in the usual places. */
export function configFileOf({ globals, locations }: CommandContext): string {
  if (globals.configFile !== undefined) return absolutePath(globals.configFile)
  const found = locations.configFiles.find((file) => existsSync(systemPath(file)))
  if (found !== undefined) return found
  throw new SnapError('USAGE', `there is no configuration: none at ${locations.configFiles.join(' or ')}`, {
    hint: 'Name one with --config FILE, or begin with `snap config init`.',
  })
}

/** Reads and checks it; warns where others may read what is secret in it. A context that conceals learns its secrets. `USAGE` with all that is wrong. */
export async function loadConfiguration(context: CommandContext): Promise<Config> {
  const { config, plainSecrets } = await readConfiguration(context)
  const { secrets } = context
  if (secrets !== undefined) await learnSecrets({ ...context, secrets }, config)
  for (const secret of plainSecrets)
    if (await isReadableByOthers(config.file))
      stderrWarning(
        context,
        `${config.file} can be read by others, and has ${secret} in it: run chmod 600 on it`,
      )
  return config
}

/** The names in it, also where something is wrong with it. `USAGE` where there is none that can be read. */
export async function configurationNames(context: CommandContext): Promise<ConfigNames> {
  const text = await readText(configFileOf(context))
  const { namesOf } = await import('../jobs/config/names.ts')
  return namesOf(text)
}

/** Names of its repositories, also where something else is wrong with it. `USAGE` where it cannot be read, or is no YAML. */
export async function repositoryNames(context: CommandContext): Promise<readonly string[]> {
  const text = await readText(configFileOf(context))
  const { repositoryKeys } = await import('../jobs/config/names.ts')
  return repositoryKeys(text) ?? [...(await loadConfiguration(context)).repositories.keys()]
}

async function readConfiguration(context: CommandContext): Promise<ReadConfig> {
  const file = configFileOf(context)
  const text = await readText(file)
  const { readConfig } = await import('../jobs/config/read-config.ts')
  return readConfig({ file, text, env: context.env })
}

async function readText(file: string): Promise<string> {
  try {
    const { size } = await stat(systemPath(file))
    if (size <= CONFIG_BYTES_MAX) return await readFile(systemPath(file), 'utf8')
  } catch (cause) {
    const why = codeInWords(systemCode(cause)) || messageOf(cause)
    throw new SnapError('USAGE', `the configuration ${file} cannot be read: ${why}`, {
      hint: 'Check the path and its permissions.',
      cause,
    })
  }
  throw new SnapError('USAGE', `the configuration ${file} is larger than 1 MiB`, {
    hint: 'Is it the right file?',
  })
}

async function isReadableByOthers(file: string): Promise<boolean> {
  if (process.platform === 'win32') return false
  const { mode } = await stat(systemPath(file))
  return (mode & READABLE_BY_OTHERS) !== 0
}

/** As if the repository and its secret had been given by options and the environment. */
export function contextFor(context: CommandContext, repository: RepositoryConfig): CommandContext {
  const { globals } = context
  return {
    ...context,
    env: secretEnvironment(context.env, repository),
    globals: {
      ...globals,
      repository: repository.path,
      repositoryName: repository.name,
      store: repository.store,
      keyFile: repository.secret?.kind === 'key file' ? repository.secret.path : undefined,
      cacheDirectory: repository.cacheDirectory ?? globals.cacheDirectory,
    },
  }
}

function secretEnvironment(env: Environment, { secret }: RepositoryConfig): Environment {
  if (secret === undefined) return env
  const others = Object.fromEntries(Object.entries(env).filter(([name]) => !SECRET_VARIABLES.includes(name)))
  switch (secret.kind) {
    case 'key file':
      return others
    case 'password':
      return { ...others, SNAP_PASSWORD: secret.text }
    case 'password file':
      return { ...others, SNAP_PASSWORD_FILE: secret.path }
    case 'password command':
      return { ...others, SNAP_PASSWORD_COMMAND: secret.command }
  }
}

/** `USAGE` where there is no drill of that name. */
export function drillOf(config: Config, name: string): NonNullable<ReturnType<Config['drills']['get']>> {
  const drill = config.drills.get(name)
  if (drill !== undefined) return drill
  const known = [...config.drills.keys()].join(', ')
  throw new SnapError('USAGE', `there is no drill "${name}" in ${config.file}`, {
    hint: known === '' ? 'It has no drills.' : `There are ${known}.`,
  })
}

/** `USAGE` where there is no job of that name. */
export function jobOf(config: Config, name: string): NonNullable<ReturnType<Config['jobs']['get']>> {
  const job = config.jobs.get(name)
  if (job !== undefined) return job
  const known = [...config.jobs.keys()].join(', ')
  throw new SnapError('USAGE', `there is no job "${name}" in ${config.file}`, {
    hint: known === '' ? 'It has no jobs.' : `There are ${known}.`,
  })
}
