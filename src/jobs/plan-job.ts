/**
 * From a job of the configuration to what a backup is to read: paths with what is left out of them, streams, and what the snapshot
 * records of where each comes from. It looks up links, and reads nothing else.
 */
import { realPath } from '../filesystem/absolute-path.ts'
import type { Rules } from '../filesystem/ignore-rules.ts'
import {
  type PathSelection,
  rulesOfSelections,
  selectGlob,
  selectTree,
} from '../filesystem/selected-rules.ts'
import type { SnapshotSource } from '../log/details.ts'
import { SnapError } from '../model/errors.ts'
import type { StreamedDirectory, StreamedFile } from '../ops/backup/streamed-file.ts'
import { streamedName } from '../ops/backup/streamed-name.ts'
import type { Config, FilesSource, Hooks, JobConfig, SourceConfig } from './config/config.ts'
import type { HookSet } from './hooks.ts'
import { clusterStream } from './sources/cluster-stream.ts'
import { commandOutput } from './sources/command-output.ts'
import type { CopyProgram } from './sources/copied-sqlite.ts'
import { postgresStream } from './sources/postgres-stream.ts'
import { type SourceStream, withReasons } from './sources/source-stream.ts'
import { sqliteStream } from './sources/sqlite-stream.ts'

export type JobPlan = {
  /** Absolute. */
  readonly paths: readonly string[]
  readonly rulesAt: (source: string) => Rules
  readonly streamed: readonly StreamedDirectory[]
  /** Known when all has been read. */
  readonly sources: () => readonly SnapshotSource[]
  /** Of the sources that have hooks, in their order. */
  readonly hooks: readonly HookSet[]
}

export type PlanPorts = {
  /** A directory of this user's for copies of databases, of which each goes when it has been read. */
  readonly copies: string
  /** Copies and checks a SQLite database. */
  readonly copyProgram: CopyProgram
  /** A path of the configuration leads through a link; what it leads to is saved. */
  readonly followed: (path: string, real: string) => void
  readonly said: (source: string, line: string) => void
  /** A text without secrets. */
  readonly clean: (text: string) => string
}

/** `scope`: categories instead of the job's. `USAGE` where one is unknown, or nothing is left to save. */
export function planJob(
  config: Config,
  job: JobConfig,
  scope: readonly string[] | undefined,
  ports: PlanPorts,
): JobPlan {
  const planner = new Planner(config, job, ports)
  for (const name of job.sources) planner.source(name, {})
  for (const category of scope ?? job.scope) planner.category(category)
  return planner.plan()
}

type Belonging = { readonly category?: string; readonly type?: string }

class Planner {
  readonly #config: Config
  readonly #job: JobConfig
  readonly #ports: PlanPorts
  readonly #selections: PathSelection[] = []
  readonly #streams = new Map<string, SourceStream>()
  readonly #hooked = new Map<string, Hooks>()
  readonly #sources: (() => SnapshotSource)[] = []

  constructor(config: Config, job: JobConfig, ports: PlanPorts) {
    this.#config = config
    this.#job = job
    this.#ports = ports
  }

  plan(): JobPlan {
    const selections = this.#selections
    return {
      paths: [...new Set(selections.map(({ root }) => root))],
      rulesAt: (source) => rulesOfSelections(selections, source),
      streamed: [...this.#streams].map(([name, { files }]) => ({ name: streamedName(name), files })),
      sources: () => this.#sources.map((source) => source()),
      hooks: [...this.#hooked].map(([name, hooks]) => ({
        of: `source ${name}`,
        hooks,
        env: { ...jobEnvironment(this.#job), SNAP_SOURCE: name },
      })),
    }
  }

  category(name: string): void {
    const types = this.#config.categories.get(name)
    if (types === undefined) {
      const known = [...this.#config.categories.keys()].join(', ')
      throw new SnapError('USAGE', `there is no category "${name}"`, {
        hint: known === '' ? `${this.#config.file} has none.` : `There are ${known}.`,
      })
    }
    for (const [type, { globs, sources }] of types) {
      const belonging = { category: name, type }
      const selected = globs.map((glob) => this.#select(glob))
      if (globs.length > 0) this.#sources.push(() => ({ ...belonging, kind: 'files', paths: selected }))
      for (const source of sources) this.source(source, belonging)
    }
  }

  source(name: string, belonging: Belonging): void {
    const source = this.#config.sources.get(name)
    if (source === undefined) throw new SnapError('USAGE', `there is no source "${name}"`)
    this.#hooked.set(name, source.hooks)
    const { kind } = source
    if (kind === 'files') {
      const paths = source.paths.map((path) => this.#follow(path))
      for (const path of paths)
        this.#selections.push(selectTree(path, [...source.exclude, ...this.#job.exclude]))
      this.#sources.push(() => ({ name, ...belonging, kind, paths }))
      return
    }
    const { files, facts } = this.#stream(source)
    const directory = streamedName(name)
    const paths = files.map((file) => `/${directory}/${file.name}`)
    this.#sources.push(() => {
      const found = facts()
      return { name, ...belonging, kind, paths, ...(found === undefined ? {} : { facts: found }) }
    })
  }

  /** One for each source, however many data types name it. */
  #stream(source: Exclude<SourceConfig, FilesSource>): SourceStream {
    const known = this.#streams.get(source.name)
    if (known !== undefined) return known
    const { files, facts } = this.#newStream(source)
    const stream = { files: files.map((file) => withReasons(file, this.#ports.clean)), facts }
    this.#streams.set(source.name, stream)
    return stream
  }

  #newStream(source: Exclude<SourceConfig, FilesSource>): SourceStream {
    if (source.kind === 'sqlite')
      return sqliteStream(source.path, source.as, this.#ports.copies, this.#ports.copyProgram)
    const said = (line: string): void => this.#ports.said(source.name, line)
    if (source.kind === 'postgres') return postgresStream(source.postgres, { said })
    if (source.kind === 'postgres-cluster') return clusterStream(source, { said })
    const { argv, as, env, cwd, timeoutMs } = source
    const open: StreamedFile['open'] = (signal) =>
      commandOutput({ argv, env, cwd, timeoutMs }, signal, { said })
    return { files: [{ name: as, open }], facts: () => undefined }
  }

  /** The glob, as the snapshot has it. */
  #select(glob: string): string {
    const { exclude } = this.#job
    const { root } = selectGlob(glob, exclude)
    const real = this.#follow(root)
    const rest = glob
      .split('/')
      .filter((name) => name !== '')
      .slice(root.split('/').filter((name) => name !== '').length)
    const within = [...(real === '/' ? [''] : real.split('/')).map(escaped), ...rest].join('/')
    this.#selections.push(selectGlob(within, exclude))
    return within
  }

  #follow(path: string): string {
    const real = realPath(path)
    if (real !== path) this.#ports.followed(path, real)
    return real
  }
}

/** What hooks are told. */
export const jobEnvironment = ({ name, repository, label }: JobConfig): Record<string, string> => ({
  SNAP_JOB: name,
  SNAP_JOB_REPOSITORY: repository.name,
  ...(label === undefined ? {} : { SNAP_JOB_LABEL: label }),
})

/** A name that stands for itself in a glob. */
const escaped = (name: string): string => name.replace(/[*?[\\]/g, '\\$&')
