/**
 * The options that every command takes, as one value, and what a command is given to run with. It does not know
 * the commands.
 */
import { type Command, Option } from 'commander'
import type { StoreConfig } from '../jobs/config/config.ts'
import type { Journal } from '../jobs/runs/journal.ts'
import type { Clock } from '../model/clock.ts'
import { type Environment, type Locations, variable } from './locations.ts'
import type { TextSink } from './output/progress.ts'

export type GlobalOptions = {
  readonly quiet: boolean
  readonly json: boolean
  /** `false` with `--no-progress`. */
  readonly progress: boolean
  /** How often `-v` was given. */
  readonly verbosity: number
  /** `--repo` or SNAP_REPOSITORY: a place, or a name in the configuration until `inRepository` has looked it up; `undefined`: the default one. */
  readonly repository: string | undefined
  /** `--repo` alone: what a variable says, which counts for all commands, is not said of a job. */
  readonly repositoryOption?: string | undefined
  /** Of the repository, where the configuration has it. */
  readonly repositoryName?: string | undefined
  readonly keyFile: string | undefined
  /** `--config` or SNAP_CONFIG; `undefined`: the first that is there of the usual places. */
  readonly configFile: string | undefined
  /** `--cache-dir` or SNAP_CACHE_DIR; `undefined`: the default one. */
  readonly cacheDirectory: string | undefined
  /** What `snap.yaml` says of how the store of the repository is asked. */
  readonly store?: StoreConfig | undefined
}

/** The process as commands see it, so that tests can put something else in its place. */
export type Surroundings = {
  readonly env: Environment
  readonly stdout: TextSink
  readonly stderr: TextSink
  readonly stdin: NodeJS.ReadStream
  readonly clock: Clock
  /** Of this program. */
  readonly version: string
  readonly locations: Locations
  /** How a person is asked for the password, where it is not plain which is meant. */
  readonly passwordPrompt?: string | undefined
  /** Whether a command is over where its standard output is. A run of a job goes on: what it has stopped is to be started again. */
  readonly printing: { isNeeded: boolean }
  /** Where a job's run is written up. */
  readonly journal?: Journal | undefined
  /** What is not to be repeated. What turns out to be secret is added. */
  readonly secrets?: string[] | undefined
  /** Aborted by SIGINT and SIGTERM: finish what is in flight, then throw `INTERRUPTED`. */
  readonly signal: AbortSignal
}

export type CommandContext = Surroundings & { readonly globals: GlobalOptions }

/** Adds the options to the program; commander then takes them before and after a command's name. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('-q, --quiet', 'print errors and warnings only', false)
    .option('--json', 'print JSON for programs', false)
    .option('--no-progress', 'draw no progress bar')
    .addOption(
      new Option('-v, --verbose', 'say more; twice: still more')
        .argParser((_, count: number) => count + 1)
        .default(0, 'off'),
    )
    .option('--repo <place>', 'the repository, or its name in the configuration (SNAP_REPOSITORY)')
    .option('--key-file <file>', 'key file that opens the repository (SNAP_KEY_FILE)')
    .option('--config <file>', 'the file of repositories, sources and jobs (SNAP_CONFIG)')
    .option('--cache-dir <dir>', 'where the local database is kept (SNAP_CACHE_DIR)')
}

type ParsedGlobals = {
  readonly quiet: boolean
  readonly json: boolean
  readonly progress: boolean
  readonly verbose: number
  readonly repo?: string
  readonly keyFile?: string
  readonly config?: string
  readonly cacheDir?: string
}

/** What the command line says, else the environment. An empty variable counts as not set. */
export function readGlobalOptions(command: Command, env: Environment): GlobalOptions {
  const parsed = command.optsWithGlobals<ParsedGlobals>()
  return {
    quiet: parsed.quiet,
    json: parsed.json,
    progress: parsed.progress,
    verbosity: parsed.verbose,
    repository: parsed.repo ?? variable(env, 'SNAP_REPOSITORY'),
    repositoryOption: parsed.repo,
    keyFile: parsed.keyFile,
    configFile: parsed.config ?? variable(env, 'SNAP_CONFIG'),
    cacheDirectory: parsed.cacheDir ?? variable(env, 'SNAP_CACHE_DIR'),
  }
}
