/** A storage that nothing changes, whatever those above it attempt: for dry runs, mounts and mere readers. */
import { SnapError } from '../model/errors.ts'
import type { ObjectKey, Storage } from '../model/storage.ts'
import { checkKey } from './key.ts'

/** `put`, `create` and `remove` fail with `STORAGE_FAILED`, `sweep` and the reserve leave everything; all else goes through. Owns `storage`. */
export function readOnly(storage: Storage): Storage {
  const refuse = async (action: string, key: ObjectKey): Promise<never> => {
    checkKey(key)
    throw new SnapError(
      'STORAGE_FAILED',
      `cannot ${action} ${key}: ${storage.description} was opened for reading only`,
      {
        hint: 'Run the command without what asks for reading only (a dry run, a read-only mount or key).',
      },
    )
  }
  return {
    description: storage.description,
    put: (key) => refuse('store', key),
    create: (key) => refuse('create', key),
    read: (key, range) => storage.read(key, range),
    stat: (key) => storage.stat(key),
    list: (prefix) => storage.list(prefix),
    remove: (key) => refuse('remove', key),
    sweep: async () => 0,
    async secureReserve() {},
    async releaseReserve() {},
    [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose](),
  }
}
