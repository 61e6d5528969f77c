/** From the command line of `snap backup` to what is backed up: paths, patterns, and how it is written. */
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemPath } from '../base/names.ts'
import { parseSize } from '../base/sizes.ts'
import { withoutSecrets } from '../base/without-secrets.ts'
import type { Config, JobConfig } from '../jobs/config/config.ts'
import type { HookSet } from '../jobs/hooks.ts'
import { SnapError } from '../model/errors.ts'
import type { BackupRequest } from '../ops/backup/request.ts'
import type { WalkOptions } from '../ops/backup/walk.ts'
import type { ExecutorFactory } from '../workers/executor.ts'
import type { CompressionMode } from '../workers/tasks.ts'
import type { CommandContext } from './context.ts'
import { COPY_COMMAND } from './copy-command.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'
import { ownProgram } from './own-program.ts'
import { cacheOf, ownPaths, placeOf } from './repository.ts'
import { parseTags } from './retention-options.ts'
import { sourcePaths } from './sources.ts'
import { type StdinOptions, stdinDirectory } from './stdin-source.ts'
import { userName } from './user-name.ts'

export type BackupOptions = {
  readonly full: boolean
  readonly dryRun: boolean
  readonly exclude: readonly string[]
  readonly excludeFile: readonly string[]
  readonly ignoreFiles: boolean
  readonly excludeCaches: boolean
  readonly excludeLargerThan?: string
  readonly oneFileSystem: boolean
  readonly label?: string
  readonly tag: readonly string[]
  readonly host?: string
  readonly time?: string
  readonly compression?: string
  readonly recheck: boolean
  readonly delta: boolean
  readonly threads?: string
  readonly job?: string
  readonly scope: readonly string[]
} & StdinOptions

/** The name of files with patterns for their directory. */
const IGNORE_FILE = '.snapignore'
export const COMPRESSIONS: readonly CompressionMode[] = ['off', 'fast', 'auto', 'max']

/** What the paths of the command line, a pipe or a command give. */
export async function requestOf(
  context: CommandContext,
  paths: readonly string[],
  options: BackupOptions,
  executor: ExecutorFactory,
): Promise<BackupRequest> {
  const { createIgnoreRules } = await import('../filesystem/ignore-rules.ts')
  const excludes = await excludesOf(options)
  const piped = stdinDirectory(context, paths, options)
  const absolute = piped === undefined ? await sourcePaths(context, paths) : []
  refuseOwn(context, absolute)
  warnOfAbsolute(context, excludes, absolute)
  return {
    paths: absolute,
    ...(piped === undefined ? {} : { streamed: [piped] }),
    hostname: options.host ?? hostname(),
    username: userName(),
    tags: tagsOf(options),
    label: options.label,
    time: await timeOf(context, options),
    excludes,
    walk: {
      full: options.full,
      oneFileSystem: options.oneFileSystem,
      largestFile: options.excludeLargerThan === undefined ? undefined : parseSize(options.excludeLargerThan),
      excludeCaches: options.excludeCaches,
      rulesAt: () => createIgnoreRules(excludes),
      ignoreFile: options.ignoreFiles ? IGNORE_FILE : undefined,
      ...(await surroundingsOf(context)),
    },
    write: {
      compression: compressionOf(options.compression ?? 'auto'),
      recheck: options.recheck,
      deltas: options.delta,
      executor,
    },
    program: { name: 'snap', version: context.version },
  }
}

export type JobRequest = {
  readonly request: BackupRequest
  /** Of its sources. */
  readonly hooks: readonly HookSet[]
}

/** A job of the configuration, with what the command line says over it. `context`: for the job's repository. */
export async function requestOfJob(
  context: CommandContext,
  config: Config,
  job: JobConfig,
  options: BackupOptions,
  executor: ExecutorFactory,
): Promise<JobRequest> {
  const { planJob } = await import('../jobs/plan-job.ts')
  const exclude = [...job.exclude, ...(await excludesOf(options))]
  const scope = scopeOf(options)
  const plan = planJob(config, { ...job, exclude }, scope, {
    copies: join(cacheOf(context), 'copies'),
    copyProgram: [...ownProgram(), COPY_COMMAND],
    followed: (path, real) => stderrNote(context, `${path} leads to ${real}, which is saved`),
    said: (source, line) => stderrNote(context, `${source}: ${line}`),
    clean: (text) => withoutSecrets(text, context.secrets ?? []),
  })
  refuseOwn(context, plan.paths)
  const largest = options.excludeLargerThan
  const request: BackupRequest = {
    paths: plan.paths,
    streamed: plan.streamed,
    sources: plan.sources,
    hostname: options.host ?? job.host ?? hostname(),
    username: userName(),
    job: seriesName(job, scope),
    tags: [...new Set([...job.tags, ...tagsOf(options)])],
    label: options.label ?? job.label,
    time: await timeOf(context, options),
    excludes: exclude,
    walk: {
      full: options.full || job.full,
      oneFileSystem: options.oneFileSystem || job.oneFileSystem,
      largestFile: largest === undefined ? job.largestFile : parseSize(largest),
      excludeCaches: options.excludeCaches || job.excludeCaches,
      rulesAt: plan.rulesAt,
      ignoreFile: options.ignoreFiles && job.ignoreFiles ? IGNORE_FILE : undefined,
      ...(await surroundingsOf(context)),
    },
    write: {
      compression: options.compression === undefined ? job.compression : compressionOf(options.compression),
      recheck: options.recheck,
      deltas: options.delta,
      executor,
    },
    program: { name: 'snap', version: context.version },
  }
  return { request, hooks: plan.hooks }
}

/** With other categories than its own, a job's snapshots are a series beside its own: they must not pass for the newest of that. */
function seriesName({ name, scope }: JobConfig, asked: readonly string[] | undefined): string {
  if (asked === undefined || asked.toSorted().join() === scope.toSorted().join()) return name
  return `${name}/${asked.toSorted().join('+')}`
}

/** Whether a run with these options saves what the job is to save. */
export function isWholeJob(job: JobConfig, options: BackupOptions): boolean {
  return seriesName(job, scopeOf(options)) === job.name
}

/** What a walk asks of this machine. */
async function surroundingsOf(
  context: CommandContext,
): Promise<Pick<WalkOptions, 'isCacheDirectory' | 'neverPaths'>> {
  const { isCacheDirectory } = await import('../filesystem/cache-directory.ts')
  const { createSourceFiles } = await import('../filesystem/source-files.ts')
  const source = createSourceFiles()
  return { isCacheDirectory: (path) => isCacheDirectory(source, path), neverPaths: ownPaths(context) }
}

async function excludesOf({ exclude, excludeFile }: BackupOptions): Promise<string[]> {
  return [...exclude, ...(await patternsOf(excludeFile))]
}

const tagsOf = ({ tag }: BackupOptions): string[] => [...new Set(tag.flatMap(parseTags))]

/** `undefined`: the job's own. */
function scopeOf({ scope }: BackupOptions): string[] | undefined {
  return scope.length === 0 ? undefined : [...new Set(scope.flatMap(parseTags))]
}

async function timeOf(context: CommandContext, { time }: BackupOptions): Promise<number | undefined> {
  return time === undefined ? undefined : await momentOf(context, time)
}

/** What is inside a source is left out of it by itself; a source that is inside the repository is a mistake. */
function refuseOwn(context: CommandContext, paths: readonly string[]): void {
  const own = ownPaths(context)
  const inside = paths.find((path) =>
    [...own].some((place) => path === place || path.startsWith(`${place}/`)),
  )
  if (inside === undefined) return
  throw new SnapError(
    'SOURCE_CONTAINS_REPOSITORY',
    `${inside} belongs to the repository at ${placeOf(context).path} or its cache`,
    {
      hint: 'Back up something else, or choose another place with --repo.',
    },
  )
}

/** Who comes from restic or borg writes the whole path, which leaves out nothing here. */
function warnOfAbsolute(
  context: CommandContext,
  patterns: readonly string[],
  sources: readonly string[],
): void {
  for (const pattern of patterns) {
    const source = sources.find((path) => path !== '/' && pattern.startsWith(`${path}/`))
    if (source === undefined) continue
    const anchored = pattern.slice(source.length)
    stderrWarning(context, `patterns begin at each source: to leave out ${pattern}, write ${anchored}`)
  }
}

async function patternsOf(files: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(
    files.map((file) =>
      readFile(systemPath(file), 'utf8').catch((cause: unknown) => {
        throw new SnapError('USAGE', `cannot read the exclude file ${file}`, {
          hint: 'Check the path.',
          cause,
        })
      }),
    ),
  )
  return texts.flatMap((text) => text.split(/\r?\n/)).filter((line) => line !== '' && !line.startsWith('#'))
}

async function momentOf({ clock }: CommandContext, text: string): Promise<number> {
  const { parseMoment } = await import('../ops/parse-moment.ts')
  return parseMoment(text, { now: clock.now(), edge: 'first' })
}

/** `USAGE` for what is none. */
export function compressionOf(text: string): CompressionMode {
  const mode = COMPRESSIONS.find((known) => known === text)
  if (mode === undefined)
    throw new SnapError('USAGE', `unknown compression "${text}"`, {
      hint: `Choose ${COMPRESSIONS.join(', ')}.`,
    })
  return mode
}
