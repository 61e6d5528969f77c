/** What a configuration names and this machine has not, or not at the moment: a disk may be away. Nothing is run, and no server asked. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'
import { hasWildcards } from '../../base/glob.ts'
import { systemPath } from '../../base/names.ts'
import { codeInWords, systemCode } from '../../filesystem/system-error.ts'
import { programOf } from '../sources/postgres.ts'
import type { Channel, Ping } from './channel.ts'
import {
  type Config,
  HOOK_MOMENTS,
  type Hooks,
  type RepositoryConfig,
  type SecretText,
  type SourceConfig,
} from './config.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** Where it is named, and what is wrong with it; `undefined` where nothing is. */
type Finding = readonly [where: string, problem: string | undefined]

/** In sentences, each once. `env`: in which commands would run. */
export function missingIn(config: Config, env: Variables): string[] {
  const { repositories, sources, categories, jobs, channels, daemon, metrics } = config
  const findings: Finding[] = [
    ...[...repositories.values()].flatMap(ofRepository),
    ...[...sources.values()].flatMap((source) => ofSource(source, env)),
    ...[...categories].flatMap(([category, types]) =>
      [...types].flatMap(([type, { globs }]) =>
        globs.map((glob): Finding => [`categories.${category}.${type}`, pathProblem(baseOf(glob))]),
      ),
    ),
    ...[...jobs.values()].flatMap(({ name, hooks, ping }) => [
      ...ofHooks(`jobs.${name}.hooks`, hooks, env),
      ...ofPing(`jobs.${name}.ping`, ping),
    ]),
    ...[...channels.values()].flatMap((channel) => ofChannel(channel, env)),
    ['daemon.token', secretProblem(daemon.token)],
    ['metrics.textfile', metrics.textfile && directoryProblem(join(metrics.textfile, '..'))],
  ]
  return [...new Set(findings.flatMap(([where, why]) => (why === undefined ? [] : [`${where}: ${why}`])))]
}

/** The directory that a glob begins with, or all of it where it is none. */
function baseOf(glob: string): string {
  const names = glob.split('/')
  const wild = names.findIndex((name) => hasWildcards(name))
  return wild < 0 ? glob : names.slice(0, wild).join('/') || '/'
}

function ofRepository({ name, secret }: RepositoryConfig): Finding[] {
  if (secret?.kind !== 'key file' && secret?.kind !== 'password file') return []
  const key = secret.kind === 'key file' ? 'key-file' : 'password'
  return [[`repositories.${name}.${key}`, fileProblem(secret.path)]]
}

function ofSource(source: SourceConfig, env: Variables): Finding[] {
  const at = `sources.${source.name}`
  const hooks = ofHooks(`${at}.hooks`, source.hooks, env)
  switch (source.kind) {
    case 'files':
      return [...source.paths.map((path): Finding => [`${at}.files`, pathProblem(path)]), ...hooks]
    case 'sqlite':
      return [[`${at}.sqlite`, fileProblem(source.path)], ...hooks]
    case 'command':
      return [...ofCommand(`${at}.command`, source, env), ...hooks]
    case 'postgres':
      return [...ofServer(`${at}.postgres`, source.postgres, 'pg_dump', env), ...hooks]
    case 'postgres-cluster':
      return [...ofServer(`${at}.postgres-cluster`, source.server, 'pg_basebackup', env), ...hooks]
  }
}

type Server = { readonly programs: string | undefined; readonly password: SecretText | undefined }

const ofServer = (at: string, { programs, password }: Server, program: string, env: Variables): Finding[] => [
  [at, programProblem(programOf(programs, program), env)],
  [`${at}.password`, secretProblem(password)],
]

type Command = {
  readonly argv: readonly [string, ...string[]]
  readonly env?: Variables
  readonly cwd?: string | undefined
}

function ofCommand(at: string, { argv: [program], env: own, cwd }: Command, env: Variables): Finding[] {
  // A path with a slash is relative to the directory in which it runs.
  const isKnown = isAbsolute(program) || !program.includes('/')
  return [
    [at, isKnown ? programProblem(program, { ...env, ...own }) : undefined],
    [at, cwd && directoryProblem(cwd)],
  ]
}

const ofHooks = (at: string, hooks: Hooks, env: Variables): Finding[] =>
  HOOK_MOMENTS.flatMap((moment) => hooks[moment].flatMap((hook) => ofCommand(`${at}.${moment}`, hook, env)))

function ofChannel({ name, way }: Channel, env: Variables): Finding[] {
  const at = `notifications.${name}`
  switch (way.kind) {
    case 'mail':
      return [[`${at}.mail.password`, secretProblem(way.login?.password)]]
    case 'webhook': {
      const headers = [...way.headers].map(
        ([header, text]): Finding => [`${at}.headers.${header}`, secretProblem(text)],
      )
      return [[`${at}.webhook`, secretProblem(way.url)], ...headers]
    }
    case 'command':
      return ofCommand(`${at}.command`, way, env)
    case 'log':
      return []
  }
}

const ofPing = (at: string, ping: Ping | undefined): Finding[] =>
  ping === undefined ? [] : Object.values(ping).map((address) => [at, secretProblem(address?.url)])

const secretProblem = (secret: SecretText | undefined): string | undefined =>
  secret?.kind === 'file' ? fileProblem(secret.path) : undefined

const pathProblem = (path: string): string | undefined =>
  problemOf(path, 'is not there', () => statSync(systemPath(path)))

function fileProblem(path: string): string | undefined {
  return problemOf(path, 'cannot be read', () => {
    accessSync(systemPath(path), constants.R_OK)
    return statSync(systemPath(path)).isDirectory() ? 'it is a directory' : undefined
  })
}

const directoryProblem = (path: string): string | undefined =>
  problemOf(path, 'is no directory', () =>
    statSync(systemPath(path)).isDirectory() ? undefined : 'it is a file',
  )

/** `look` throws the system's errors, or says what is wrong. */
function problemOf(path: string, what: string, look: () => unknown): string | undefined {
  try {
    const found = look()
    return typeof found === 'string' ? `${path} ${what}: ${found}` : undefined
  } catch (error) {
    const why = codeInWords(systemCode(error))
    return `${path} ${what}${why === '' ? '' : `: ${why}`}`
  }
}

function programProblem(program: string, { PATH = '' }: Variables): string | undefined {
  if (program.includes('/')) return isProgram(program) ? undefined : `there is no program ${program}`
  // Windows has more than one name for each.
  if (process.platform === 'win32') return undefined
  const isThere = PATH.split(delimiter).some((directory) => isProgram(join(directory, program)))
  return isThere ? undefined : `there is no program ${program} in PATH`
}

function isProgram(path: string): boolean {
  try {
    accessSync(systemPath(path), constants.X_OK)
    return statSync(systemPath(path)).isFile()
  } catch {
    return false
  }
}
