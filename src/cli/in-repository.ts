/**
 * Which repository a command works in. `--repo` (or SNAP_REPOSITORY) is a place, or the name of a repository in the configuration.
 * Without it: that of the job that was named, the one in the home directory where there is one, else the only one of the
 * configuration. Where it is not plain which is meant nothing is guessed: `snap forget` would do its work in the wrong one.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import { systemPath } from '../base/names.ts'
import { absolutePath, realPath } from '../filesystem/absolute-path.ts'
import type { Config, RepositoryConfig } from '../jobs/config/config.ts'
import { SnapError } from '../model/errors.ts'
import { configFileOf, contextFor, loadConfiguration, repositoryNames } from './configuration.ts'
import type { CommandContext } from './context.ts'
import { stderrNote } from './output/notes.ts'

type Action<Arguments extends unknown[]> = (context: CommandContext, ...args: Arguments) => Promise<void>

/** An action that is given the context of its repository; the last of `Arguments`, the options, may have a job. */
export function inRepository<Arguments extends unknown[]>(action: Action<Arguments>): Action<Arguments> {
  return async (context, ...args) => {
    const options = args.at(-1)
    const job = typeof options === 'object' && options !== null && 'job' in options ? options.job : undefined
    await action(
      await repositoryContext(context, { job: typeof job === 'string' ? job : undefined }),
      ...args,
    )
  }
}

/** `isNew`: it is about to be made. `USAGE` where several may be meant, `REPOSITORY_MISSING` for a name that is none. */
export async function repositoryContext(
  context: CommandContext,
  { job, isNew = false }: { readonly job?: string | undefined; readonly isNew?: boolean } = {},
): Promise<CommandContext> {
  const { repository } = context.globals
  if (repository !== undefined) {
    const named = await repositoryNamed(context, repository, isNew)
    return named === undefined ? context : withOwnKey(context, named)
  }
  if (!hasConfiguration(context)) return context
  const ofJob = job === undefined ? undefined : (await loadConfiguration(context)).jobs.get(job)?.repository
  if (ofJob !== undefined) return withOwnKey(context, ofJob)
  // What was made is not made again.
  return !isNew && isAtHome(context)
    ? context
    : withOwnKey(context, onlyOne(await loadConfiguration(context)))
}

/** For what comes out of the repository of a job: `--repo` names another that has it, as one that it was copied to. */
export async function jobContext(
  context: CommandContext,
  repository: RepositoryConfig,
): Promise<CommandContext> {
  return context.globals.repositoryOption === undefined
    ? contextFor(context, repository)
    : await repositoryContext(context)
}

/** `USAGE` for `--repo` with what the configuration ties to a repository: it would be done in another than was said. */
export function refuseRepository({ globals }: CommandContext, what: string): void {
  if (globals.repositoryOption === undefined) return
  throw new SnapError(
    'USAGE',
    `--repo does not go with ${what}, whose repository is that of the configuration`,
    {
      hint: 'Leave --repo out.',
    },
  )
}

/** Of another user's, as root's, nothing can be meant. */
function hasConfiguration({ globals, locations }: CommandContext): boolean {
  const isReadable = (file: string): boolean => {
    try {
      accessSync(systemPath(file), constants.R_OK)
      return true
    } catch {
      return false
    }
  }
  return globals.configFile !== undefined || locations.configFiles.some(isReadable)
}

/** What has a slash is a path, and what has a colon an address. */
const isName = (text: string): boolean => !/[/\\:]/.test(text) && text !== '.' && text !== '..'

/**
 * What the configuration has under `name`; `undefined` where that is a place. A directory is meant where the configuration has no
 * such name, whatever else is wrong with it. `REPOSITORY_MISSING` where it is neither, unless it `isNew`; `USAGE` where it is both.
 */
export async function repositoryNamed(
  context: CommandContext,
  name: string,
  isNew = false,
): Promise<RepositoryConfig | undefined> {
  if (!isName(name) || !hasConfiguration(context)) return undefined
  const repositories = await repositoryNames(context)
  if (!repositories.includes(name)) {
    if (isNew || existsSync(systemPath(name))) return undefined
    const file = configFileOf(context)
    throw new SnapError(
      'REPOSITORY_MISSING',
      `there is no repository "${name}" in ${file}, and no directory of that name here`,
      { hint: repositories.length === 0 ? 'It names none.' : `There are ${repositories.join(', ')}.` },
    )
  }
  const { file, repositories: known } = await loadConfiguration(context)
  const named = known.get(name)
  if (named === undefined) return undefined
  const here = absolutePath(name)
  if (existsSync(systemPath(join(here, 'config'))) && realPath(here) !== realPath(named.path))
    throw new SnapError(
      'USAGE',
      `"${name}" is a repository of ${file}, and another lies in the directory of that name here`,
      { hint: `Write ./${name} for the directory, or run this elsewhere.` },
    )
  return named
}

/** One that was made without a configuration goes on being meant: old scripts that forget and prune are of it. */
function isAtHome(context: CommandContext): boolean {
  const { globals, locations } = context
  if (globals.configFile !== undefined || !existsSync(systemPath(locations.repository))) return false
  stderrNote(
    context,
    'this is the repository in the home directory; those of snap.yaml are meant by --repo NAME',
  )
  return true
}

/** That which jobs save into; without jobs, the only one. */
function onlyOne(config: Config): RepositoryConfig {
  const saving = new Set([...config.jobs.values()].map(({ repository }) => repository))
  const [only, ...others] = saving.size > 0 ? saving : config.repositories.values()
  if (only !== undefined && others.length === 0) return only
  const names = [...config.repositories.keys()].join(', ')
  throw new SnapError('USAGE', `${config.file} has several repositories, and none was named`, {
    hint: `Name one with --repo: ${names}.`,
  })
}

/** A key file on the command line goes before what the configuration says. */
function withOwnKey(context: CommandContext, repository: RepositoryConfig): CommandContext {
  const { keyFile } = context.globals
  const chosen = contextFor(context, repository)
  return keyFile === undefined ? chosen : { ...chosen, globals: { ...chosen.globals, keyFile } }
}
