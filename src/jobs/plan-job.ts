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
import type { StreamedDirectory } from '../ops/backup/streamed-file.ts'
import { type CommandEvents, commandOutput } from './command-output.ts'
import type { CommandSource, Config, JobConfig, SourceConfig } from './config/config.ts'

export type JobPlan = {
  /** Absolute. */
  readonly paths: readonly string[]
  readonly rulesAt: (source: string) => Rules
  readonly streamed: readonly StreamedDirectory[]
  readonly sources: readonly SnapshotSource[]
}

export type PlanEvents = {
  /** A path of the configuration leads through a link; what it leads to is saved. */
  readonly followed: (path: string, real: string) => void
  readonly said: (source: string, line: string) => void
}

/** `scope`: categories instead of the job's. `USAGE` where one is unknown, or nothing is left to save. */
export function planJob(
  config: Config,
  job: JobConfig,
  scope: readonly string[] | undefined,
  events: PlanEvents,
): JobPlan {
  const planner = new Planner(config, job, events)
  for (const name of job.sources) planner.source(name, {})
  for (const category of scope ?? job.scope) planner.category(category)
  return planner.plan()
}

type Belonging = { readonly category?: string; readonly type?: string }

class Planner {
  readonly #config: Config
  readonly #job: JobConfig
  readonly #events: PlanEvents
  readonly #selections: PathSelection[] = []
  readonly #streamed = new Map<string, StreamedDirectory>()
  readonly #sources: SnapshotSource[] = []

  constructor(config: Config, job: JobConfig, events: PlanEvents) {
    this.#config = config
    this.#job = job
    this.#events = events
  }

  plan(): JobPlan {
    const selections = this.#selections
    return {
      paths: [...new Set(selections.map(({ root }) => root))],
      rulesAt: (source) => rulesOfSelections(selections, source),
      streamed: [...this.#streamed.values()],
      sources: this.#sources,
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
      if (globs.length > 0) this.#sources.push({ ...belonging, kind: 'files', paths: selected })
      for (const source of sources) this.source(source, belonging)
    }
  }

  source(name: string, belonging: Belonging): void {
    const source = this.#config.sources.get(name)
    if (source === undefined) throw new SnapError('USAGE', `there is no source "${name}"`)
    const paths = this.#paths(source)
    this.#sources.push({ name, ...belonging, kind: source.kind, paths })
  }

  /** Of the snapshot. */
  #paths(source: SourceConfig): string[] {
    if (source.kind === 'files') {
      return source.paths.map((path) => {
        const real = this.#follow(path)
        this.#selections.push(selectTree(real, [...source.exclude, ...this.#job.exclude]))
        return real
      })
    }
    const directory = streamOf(source, this.#events)
    this.#streamed.set(directory.name, directory)
    return directory.files.map((file) => `/${directory.name}/${file.name}`)
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
    if (real !== path) this.#events.followed(path, real)
    return real
  }
}

/** A name that stands for itself in a glob. */
const escaped = (name: string): string => name.replace(/[*?[\\]/g, '\\$&')

/** Where in the snapshot a source lies that is no file of the machine. */
export const streamedName = (source: string): string => `@${source}`

function streamOf(
  { name, argv, as, env, cwd, timeoutMs }: CommandSource,
  events: PlanEvents,
): StreamedDirectory {
  const own: CommandEvents = { said: (line) => events.said(name, line) }
  const command = { argv, env, cwd, timeoutMs }
  return {
    name: streamedName(name),
    files: [{ name: as, open: (signal) => commandOutput(command, signal, own) }],
  }
}
