/** The commands by which a tool does each step; a step that it does not have is left out of the table. */
export interface Tool {
  /** Run before the first step, not timed. */
  readonly init: (place: Place) => Command
  readonly backup: (place: Place, run: Backup) => Command | undefined
  readonly restore: (place: Place, target: string) => Command | undefined
  /** Restores over what an earlier restore left in `target`, some of it changed. */
  readonly restoreAgain: (place: Place, target: string) => Command | undefined
  readonly verify: (place: Place) => Command | undefined
  /** Forgets all but the last snapshot and frees what they alone needed. */
  readonly prune: (place: Place) => Command | undefined
  readonly list: (place: Place) => Command | undefined
  readonly find: (place: Place, pattern: string) => Command | undefined
  /** Makes local state anew from the repository alone. */
  readonly rebuild: (place: Place) => Command | undefined
  readonly version: () => Command
}

export type Command = readonly [string, ...string[]]

/** Where a tool works: all paths of one run, on one file system. */
export interface Place {
  readonly repo: string
  readonly cache: string
  /** Beside the repository where absent. */
  readonly keyFile?: string
  /** The directory that is backed up; its content changes from version to version. */
  readonly source: string
}

export interface Backup {
  readonly kind: 'first' | 'unchanged' | 'next'
  /** Of the archive, where a tool wants one. */
  readonly name: string
  /** The version before, still on disk, where there is one. */
  readonly previous: string | undefined
}

/** `script` run by a shell, with `args` as $1, $2 ... */
export const shell = (script: string, ...args: readonly string[]): Command => [
  'sh',
  '-ec',
  script,
  'sh',
  ...args,
]
