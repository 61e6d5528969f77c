/** The config of a repository as it is stored, before anybody has a key to open it. */
import { CONFIG_OBJECT_BYTES_MAX, repositoryIdOfConfig } from '../keys/config.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { RepositoryId } from '../model/ids.ts'
import type { Storage } from '../model/storage.ts'
import { CONFIG_KEY, logKey, PACK_PREFIX } from '../object/object-keys.ts'
import { readObject } from '../object/read-object.ts'

/** `REPOSITORY_MISSING` where there is none; `OBJECT_MISSING` where it is lost; `OBJECT_DAMAGED`, `LIMIT_EXCEEDED` and `FORMAT_UNKNOWN` where its clear part cannot be read. */
export async function readConfig(storage: Storage): Promise<{ id: RepositoryId; bytes: Uint8Array }> {
  try {
    const bytes = await readObject(storage, CONFIG_KEY, CONFIG_OBJECT_BYTES_MAX)
    return { id: repositoryIdOfConfig(bytes), bytes }
  } catch (cause) {
    if (hasCode(cause, 'OBJECT_MISSING')) {
      if (await hasLog(storage)) throw lostConfig(storage)
      throw new SnapError('REPOSITORY_MISSING', `there is no repository at ${storage.description}`, {
        hint: 'Check --repo or SNAP_REPOSITORY, or make one with `snap init`.',
      })
    }
    if (!hasCode(cause, 'OBJECT_DAMAGED', 'LIMIT_EXCEEDED')) throw cause
    throw new SnapError(cause.code, `the config of the repository is damaged: ${cause.message}`, {
      hint: 'Bring the object `config` back from a copy of the repository: nothing else opens it.',
      cause,
    })
  }
}

/** `OBJECT_MISSING` where a log or packs lie without a config: somebody's backups, which a new config would put out of reach for ever. */
export async function refuseBeheaded(storage: Storage): Promise<void> {
  if ((await hasLog(storage)) || (await hasPacks(storage))) throw lostConfig(storage)
}

const hasLog = async (storage: Storage): Promise<boolean> => (await storage.stat(logKey(0))) !== undefined

function lostConfig(storage: Storage): SnapError {
  return new SnapError('OBJECT_MISSING', `the repository at ${storage.description} has lost its config`, {
    hint: 'Bring the object `config` back from a copy of the repository; all else may be whole, so remove nothing. A new repository needs another place.',
  })
}

export async function hasPacks(storage: Storage): Promise<boolean> {
  for await (const _pack of storage.list(PACK_PREFIX)) return true
  return false
}
