/** The config of a repository as it is stored, before anybody has a key to open it. */
import { CONFIG_OBJECT_BYTES_MAX, repositoryIdOfConfig } from '../keys/config.ts'
import { hasCode, SnapError } from '../model/errors.ts'
import type { RepositoryId } from '../model/ids.ts'
import type { Storage } from '../model/storage.ts'
import { CONFIG_KEY } from '../object/object-keys.ts'
import { readObject } from '../object/read-object.ts'

/** `REPOSITORY_MISSING` where there is none; `OBJECT_DAMAGED`, `LIMIT_EXCEEDED` and `FORMAT_UNKNOWN` where its clear part cannot be read. */
export async function readConfig(storage: Storage): Promise<{ id: RepositoryId; bytes: Uint8Array }> {
  try {
    const bytes = await readObject(storage, CONFIG_KEY, CONFIG_OBJECT_BYTES_MAX)
    return { id: repositoryIdOfConfig(bytes), bytes }
  } catch (cause) {
    if (hasCode(cause, 'OBJECT_MISSING')) {
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
