/** What a manual page says beside the commands: exit statuses, variables of the environment, and files. */
import { defaultLocations, type Locations } from '../locations.ts'

/** As `docs/errors.md` has them. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'failed',
  2: 'the command line or the configuration cannot be understood',
  3: 'finished, but not complete: something could not be read or written',
  4: 'the repository is damaged, or was tampered with',
  5: 'something is stale or critical',
  10: 'no repository there',
  11: 'the job is running already',
  12: 'wrong or missing password or key file',
  130: 'interrupted',
  200: '`snap wal fetch` alone: something kept it from finding out, or from writing the file',
  141: 'whoever read its output has gone (`snap ls | head`): the command ended there',
}

/** Names are separated by commas. */
export const VARIABLES: readonly (readonly [names: string, meaning: string])[] = [
  ['SNAP_REPOSITORY', 'the repository, as `--repo`'],
  ['SNAP_KEY_FILE', 'the key file that opens it, as `--key-file`'],
  ['SNAP_PASSWORD', 'the password that opens it'],
  ['SNAP_PASSWORD_FILE', 'a file that has the password, with or without a line end'],
  ['SNAP_PASSWORD_COMMAND', 'a command line for the shell, which prints the password'],
  [
    'SNAP_TO_KEY_FILE, SNAP_TO_PASSWORD, SNAP_TO_PASSWORD_FILE, SNAP_TO_PASSWORD_COMMAND',
    'the same of the repository that `snap copy` copies into',
  ],
  ['AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN', 'who asks an S3 store'],
  ['AWS_REGION, AWS_DEFAULT_REGION', 'its region'],
  ['SNAP_CONFIG', 'the file of repositories, sources and jobs, as `--config`'],
  ['SNAP_CACHE_DIR', 'where the local database is kept, as `--cache-dir`'],
  ['SNAP_STATE_DIR', 'where it is remembered what jobs did'],
  ['SNAP_TRACE', 'a file that gets a record of where the time of the command went, as Chrome trace events'],
  [
    'XDG_DATA_HOME, XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_CACHE_HOME',
    'directories in which the files below lie',
  ],
]

const FILES: Readonly<Record<keyof Locations, string>> = {
  repository: 'the default repository, which the first backup makes',
  keyFile: 'the key file that opens it: whoever loses it loses the backups',
  configFiles: 'repositories, sources and jobs; the first that is there is read',
  state: 'the history of jobs, and their logs',
  cache: 'local databases, which may be deleted at any time',
}

/** Each with the paths of Linux and those of macOS. */
export function files(): { readonly linux: string; readonly macos: string; readonly meaning: string }[] {
  const of = (platform: NodeJS.Platform): Locations => defaultLocations({ platform, home: '~', env: {} })
  const [linux, macos] = [of('linux'), of('darwin')]
  return (Object.keys(FILES) as (keyof Locations)[]).map((key) => ({
    linux: [linux[key]].flat().join(', '),
    macos: [macos[key]].flat().join(', '),
    meaning: FILES[key],
  }))
}
