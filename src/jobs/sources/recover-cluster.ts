/** Makes a directory from which a PostgreSQL server starts and recovers. It knows no repository. */
import { existsSync } from 'node:fs'
import { appendFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { systemPath } from '../../base/names.ts'
import { messageOf, SnapError } from '../../model/errors.ts'
import { type CommandEvents, commandOutput } from './command-output.ts'
import { programOf } from './postgres.ts'
import { type RecoverySettings, recoverySettings } from './recovery-settings.ts'
import { emptyDirectory, unpackBase } from './unpack-base.ts'

export type RecoverRequest = {
  /** Absolute; empty, or not there yet. */
  readonly directory: string
  /** The base backup, tar. */
  readonly bytes: AsyncIterable<Uint8Array>
  /** The directory with PostgreSQL's programs; `undefined`: what the search path has. */
  readonly programs: string | undefined
  readonly settings: RecoverySettings
}

export type Recovered = {
  /** What starts the server, for a shell. */
  readonly start: string
  /** The server's settings are among what was copied; with some distributions they lie elsewhere. */
  readonly hasSettings: boolean
}

/** Before it, nothing makes a server of what is there: it has no `recovery.signal`, and its label asks for one. */
export async function recoverCluster(
  { directory, bytes, programs, settings }: RecoverRequest,
  signal: AbortSignal,
  events: CommandEvents,
): Promise<Recovered> {
  await emptyDirectory(directory)
  await unpackBase(bytes, directory)
  await check(directory, programs, signal, events)
  await appendFile(systemPath(join(directory, 'postgresql.auto.conf')), recoverySettings(settings), {
    mode: 0o600,
  })
  await writeFile(systemPath(join(directory, 'recovery.signal')), '', { mode: 0o600 })
  const hasSettings = existsSync(systemPath(join(directory, 'postgresql.conf')))
  return { start: `${programOf(programs, 'pg_ctl')} -D ${shellWord(directory)} start`, hasSettings }
}

/** Against the list of files and checksums that the server made. */
async function check(
  directory: string,
  programs: string | undefined,
  signal: AbortSignal,
  events: CommandEvents,
): Promise<void> {
  const argv = [programOf(programs, 'pg_verifybackup'), '--quiet', '--exit-on-error', directory] as const
  try {
    for await (const _ of commandOutput({ argv }, signal, events)) void _
  } catch (cause) {
    signal.throwIfAborted()
    throw new SnapError('TARGET_UNWRITABLE', `${directory} was not checked: ${messageOf(cause)}`, {
      hint: 'Do not start a server there: remove it, and try again when pg_verifybackup runs.',
      cause,
    })
  }
}

const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
