/** From what the user said to an open repository: its place, its secret, and the default one on first use. */
import { open as openFile, rename } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { realPath, unicodePath } from '../filesystem/absolute-path.ts'
import type { SlotSecret } from '../keys/slot.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { RepositoryId } from '../model/ids.ts'
import type { Storage } from '../model/storage.ts'
import type { RepositoryPorts } from '../repository/open-repository.ts'
import type { Repository } from '../repository/repository.ts'
import { isS3Address, s3Place } from '../storage/s3/address.ts'
import type { CommandContext } from './context.ts'
import { stderrNote, stderrWarning } from './output/notes.ts'
import { findSecret, type Secret, type SecretSources } from './password.ts'
import { createStorageAt, mayHold, openStorageAt } from './storage-at.ts'

export type Place = {
  /** An absolute path, or an address in an S3 store: what messages name, and what this machine remembers it by. */
  readonly path: string
  /** Nobody chose it: the one under the user's data directory. */
  readonly isDefault: boolean
}

const REPOSITORY = 'the repository'
const KEY_FILE = 'the key file'

export function placeOf({ globals, locations }: CommandContext): Place {
  const { repository } = globals
  if (repository === undefined)
    return { path: unicodePath(locations.repository, REPOSITORY), isDefault: true }
  if (isS3Address(repository)) return { path: s3Place(repository), isDefault: false }
  if (/^(sftp|rest|https?):/.test(repository)) {
    throw new SnapError('USAGE', `repositories at ${repository.split(':')[0]}: addresses are not supported`, {
      hint: 'Name a directory (a mounted network file system will do), or s3:https://HOST/BUCKET/PREFIX.',
    })
  }
  return { path: unicodePath(repository, REPOSITORY), isDefault: false }
}

export function cacheOf({ globals, locations }: CommandContext): string {
  return unicodePath(globals.cacheDirectory ?? locations.cache, 'the local database')
}

export function secretSources(context: CommandContext): SecretSources {
  const { stdin, stderr, globals, env, passwordPrompt, signal } = context
  const isTerminal = stdin.isTTY === true && stderr.isTTY === true
  return {
    keyFile: globals.keyFile,
    env,
    prompt: passwordPrompt,
    ...(placeOf(context).isDefault ? { defaultKeyFile: context.locations.keyFile } : {}),
    ...(isTerminal ? { terminal: { input: stdin, output: stderr } } : {}),
    warn: (text) => stderrWarning(context, text),
    learned: (password) => context.secrets?.push(password),
    signal,
  }
}

/** What a slot wants of a secret. A key file that belongs to another repository is found out where it is opened. */
export async function slotSecret(secret: Secret): Promise<SlotSecret> {
  if (secret.kind === 'password') return { kind: 'password', password: secret.bytes }
  const { decodeKeyFile } = await import('../keys/key-file.ts')
  return { kind: 'key file', secret: decodeKeyFile(secret.text).secret }
}

async function portsOf(context: CommandContext, storage: Storage): Promise<RepositoryPorts> {
  const { systemRandom } = await import('../crypto/random.ts')
  return { storage, cacheDirectory: cacheOf(context), clock: context.clock, random: systemRandom }
}

/** What the command line says of the secret. */
export async function chosenSecret(context: CommandContext): Promise<SlotSecret> {
  return slotSecret(await findSecret(secretSources(context)))
}

/** The storage of the repository that the command line names, which must be there, and all else that opening takes. */
export async function chosenPorts(context: CommandContext): Promise<RepositoryPorts> {
  const place = placeOf(context)
  const storage = await openStorageAt(context, place.path)
  if ((await storage.stat('config')) === undefined) {
    const { refuseBeheaded } = await import('../repository/read-config.ts')
    if (mayHold(place.path)) await refuseBeheaded(storage)
    throw new SnapError('REPOSITORY_MISSING', `there is no repository at ${place.path}`, {
      hint: hintToMake(context),
    })
  }
  return portsOf(context, storage)
}

function hintToMake(context: CommandContext): string {
  const { repositoryName } = context.globals
  if (repositoryName !== undefined)
    return `Is its disk mounted? If it was never made: \`snap init --repo ${repositoryName}\`.`
  return placeOf(context).isDefault
    ? 'Make one with `snap backup PATH` or `snap init`.'
    : 'Check --repo, or make one with `snap init`.'
}

export type Opened = { readonly repository: Repository; readonly secret: SlotSecret }

/** Opens the repository that the command line names; the secret is what opened it. */
export async function openWithSecret(context: CommandContext): Promise<Opened> {
  const { openRepository } = await import('../repository/open-repository.ts')
  const ports = await chosenPorts(context)
  const secret = await chosenSecret(context)
  const repository = await openRepository(ports, secret)
  await warnOfProblems(context, repository)
  return { repository, secret }
}

export async function openChosen(context: CommandContext): Promise<Repository> {
  return (await openWithSecret(context)).repository
}

/** What is listed may be less than there was: that is not to be found out by `snap verify` alone. */
async function warnOfProblems(context: CommandContext, repository: Repository): Promise<void> {
  const { problems } = repository.log.state
  const { isUnreadable } = await import('../log/log-state.ts')
  const damaged = problems.find(({ reason }) => isUnreadable(reason) || reason === 'chain-broken')
  if (damaged !== undefined) {
    stderrWarning(
      context,
      `the log is damaged at entry ${damaged.number}: snapshots may be missing from what is listed, or be back; \`snap audit\` says more`,
    )
  }
  for (const { error } of repository.log.indexProblems) {
    stderrWarning(context, `${error.message}; \`snap verify\` says what it affects`)
  }
}

/** As `openChosen`; `undefined` where the default repository was not made yet. */
export async function openIfMade(context: CommandContext): Promise<Repository | undefined> {
  try {
    return await openChosen(context)
  } catch (error) {
    if (!placeOf(context).isDefault || !hasCode(error, 'REPOSITORY_MISSING')) throw error
    return undefined
  }
}

/** As `openChosen`; the default repository is made, with a key file, where there is none yet. */
export async function openOrCreateDefault(context: CommandContext): Promise<Repository> {
  const made = await openIfMade(context)
  if (made !== undefined) return made
  await setAside(context, context.locations.keyFile)
  return createWithKeyFile(context, placeOf(context).path, context.locations.keyFile)
}

/** A key file without its repository (removed, or `init` was killed between the two) is kept under another name. */
async function setAside(context: CommandContext, keyFile: string): Promise<void> {
  const kept = `${keyFile}.before-${new Date(context.clock.now()).toISOString().replaceAll(/[:.]/g, '')}`
  try {
    await rename(keyFile, kept)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return
    throw error
  }
  stderrWarning(
    context,
    `its repository is no longer at ${placeOf(context).path}: the old key file was kept as ${kept}, and a new repository begins`,
  )
}

/** Makes a repository whose first key is a generated key file, and says where both are. */
export async function createWithKeyFile(
  context: CommandContext,
  path: string,
  keyFile: string,
  chunkBytes?: number,
): Promise<Repository> {
  // Before anything is made.
  unicodePath(keyFile, KEY_FILE)
  const repository = await create(context, path, (id) => writeKeyFile(keyFile, id), 'key file', chunkBytes)
  stderrNote(context, `made a repository at ${path}`)
  stderrNote(context, `its key is the file ${keyFile}`)
  stderrNote(context, 'keep a copy of the key file in another place: without it nobody can read the backups')
  return repository
}

export async function createWithPassword(
  context: CommandContext,
  path: string,
  password: Uint8Array,
  chunkBytes?: number,
): Promise<Repository> {
  const repository = await create(
    context,
    path,
    async () => ({ kind: 'password', password }),
    'password',
    chunkBytes,
  )
  stderrNote(context, `made a repository at ${path}`)
  stderrNote(context, 'keep the password safe: without it nobody can read the backups')
  return repository
}

async function create(
  context: CommandContext,
  path: string,
  secret: (id: RepositoryId) => Promise<SlotSecret>,
  kind: string,
  chunkBytes: number | undefined,
): Promise<Repository> {
  const { createRepository } = await import('../repository/open-repository.ts')
  const storage = await createStorageAt(context, path)
  const slotName = `${kind} made on ${hostname()}`
  const ports = await portsOf(context, storage)
  return createRepository(ports, { secret, slotName, chunkBytes })
}

/** 0600, durable, and never over a file that is there: it may be the only key of another repository. */
export async function writeKeyFile(file: string, id: RepositoryId): Promise<SlotSecret> {
  const path = unicodePath(file, KEY_FILE)
  const { encodeKeyFile } = await import('../keys/key-file.ts')
  const { systemRandom } = await import('../crypto/random.ts')
  const secret = systemRandom.bytes(32)
  const { createLocalDirectory } = await import('../storage/local-directory.ts')
  const { nodeStorageFs } = await import('../storage/node-storage-fs.ts')
  await createLocalDirectory(dirname(path))
  try {
    const file = await openFile(path, 'wx', 0o600)
    try {
      await file.writeFile(encodeKeyFile({ repositoryId: id, secret }))
      await file.sync()
    } finally {
      await file.close()
    }
    await nodeStorageFs.fsyncDirectory(dirname(path))
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    throw new SnapError('KEY_UNWRITABLE', `cannot write the key file ${path}${exists ? ': it exists' : ''}`, {
      hint: exists
        ? 'It may be the key of another repository: keep it, and name another file.'
        : 'Check the directory and its permissions.',
      cause,
    })
  }
  return { kind: 'key file', secret }
}

/** Absolute paths of the repository, where it is a directory, and its caches: a backup never takes itself in. */
export function ownPaths(context: CommandContext): Set<string> {
  const { path } = placeOf(context)
  const paths = [...(isS3Address(path) ? [] : [path]), cacheOf(context)]
  return new Set([...paths, ...paths.map(realPath)])
}
