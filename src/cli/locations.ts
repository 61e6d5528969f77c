/** Where things lie on this machine when the user has said nothing: the XDG directories, or what macOS and Windows have instead. */
import { posix, win32 } from 'node:path'

export type Environment = Readonly<Record<string, string | undefined>>

/** A variable's value; an empty one counts as not set. */
export function variable(env: Environment, name: string): string | undefined {
  const value = env[name]
  return value === '' ? undefined : value
}

export type Machine = {
  readonly platform: NodeJS.Platform
  /** The user's home directory. */
  readonly home: string
  readonly env: Environment
}

export type Locations = {
  /** The repository that is made on first use. */
  readonly repository: string
  /** Its generated key file. */
  readonly keyFile: string
  /** Where a configuration is looked for, the first first. */
  readonly configFiles: readonly string[]
  /** What this machine remembers of runs of jobs. */
  readonly state: string
  /** Everything below may be deleted at any time. */
  readonly cache: string
}

const DEFAULT_NAME = 'default'

export function defaultLocations(machine: Machine): Locations {
  const { join } = machine.platform === 'win32' ? win32 : posix
  const { data, config, cache, state } = baseDirectories(machine)
  return {
    repository: join(data, 'snap', 'repository'),
    keyFile: join(config, 'snap', 'keys', `${DEFAULT_NAME}.key`),
    configFiles: [
      join(config, 'snap', 'snap.yaml'),
      ...(machine.platform === 'win32' ? [] : ['/etc/snap/snap.yaml']),
    ],
    state: variable(machine.env, 'SNAP_STATE_DIR') ?? stateBelow(join(state, 'snap'), machine),
    cache: machine.platform === 'win32' ? join(cache, 'snap', 'cache') : join(cache, 'snap'),
  }
}

/** Where the system has no place for what is neither data nor cache, beside the data. */
function stateBelow(directory: string, { platform, env }: Machine): string {
  const { join } = platform === 'win32' ? win32 : posix
  if (variable(env, 'XDG_STATE_HOME') !== undefined) return directory
  return platform === 'win32' || platform === 'darwin' ? join(directory, 'state') : directory
}

type BaseDirectories = {
  readonly data: string
  readonly config: string
  readonly cache: string
  readonly state: string
}

/** XDG variables are obeyed on every platform; a relative value is ignored, as the XDG specification says. */
function baseDirectories({ platform, home, env }: Machine): BaseDirectories {
  const { join, isAbsolute } = platform === 'win32' ? win32 : posix
  const given = (name: string): string | undefined => {
    const value = env[name]
    return value !== undefined && isAbsolute(value) ? value : undefined
  }
  const native = (): BaseDirectories => {
    if (platform === 'win32') {
      const local = given('LOCALAPPDATA') ?? join(home, 'AppData', 'Local')
      return {
        data: local,
        config: given('APPDATA') ?? join(home, 'AppData', 'Roaming'),
        cache: local,
        state: local,
      }
    }
    if (platform === 'darwin') {
      const support = join(home, 'Library', 'Application Support')
      return { data: support, config: support, cache: join(home, 'Library', 'Caches'), state: support }
    }
    return {
      data: join(home, '.local', 'share'),
      config: join(home, '.config'),
      cache: join(home, '.cache'),
      state: join(home, '.local', 'state'),
    }
  }
  const fallback = native()
  return {
    data: given('XDG_DATA_HOME') ?? fallback.data,
    config: given('XDG_CONFIG_HOME') ?? fallback.config,
    cache: given('XDG_CACHE_HOME') ?? fallback.cache,
    state: given('XDG_STATE_HOME') ?? fallback.state,
  }
}
