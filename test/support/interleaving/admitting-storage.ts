/** A storage that lets others in before each call takes effect, and again before its answer is known. */
import { SnapError } from '../../../src/model/errors.ts'
import type { ObjectStat, Storage } from '../../../src/model/storage.ts'
import { acts } from './act.ts'

/** Who comes there may find that much has happened when it goes on, or never go on. */
export type Door = () => Promise<void>

/** Outlives those who use it: closing is the owner's. `says`: what was changed, in words. */
export function admitting(storage: Storage, door: Door, says: (what: string) => void): Storage {
  const around = async <T>(call: () => Promise<T>): Promise<T> => {
    await door()
    // A failure is an answer too.
    const [answer] = await Promise.allSettled([call()])
    await door()
    if (answer.status === 'rejected') throw answer.reason
    return answer.value
  }
  const put: Storage['put'] = async (key, parts) => {
    if (acts.getStore()?.hasRoom() === false) throw new SnapError('REPOSITORY_FULL', 'the disk is full')
    await storage.put(key, parts)
    says(`put ${key}`)
  }
  const create: Storage['create'] = async (key, bytes) => {
    const isNew = await storage.create(key, bytes)
    if (isNew) says(`created ${key}`)
    return isNew
  }
  const remove: Storage['remove'] = async (key) => {
    await storage.remove(key)
    says(`removed ${key}`)
  }
  return {
    description: storage.description,
    put: (key, parts) => around(() => put(key, parts)),
    create: (key, bytes) => around(() => create(key, bytes)),
    read: (key, range) => around(() => storage.read(key, range)),
    stat: (key) => around(() => storage.stat(key)),
    list: (prefix) => listed(storage, prefix, door),
    remove: (key) => around(() => remove(key)),
    sweep: () => storage.sweep(),
    secureReserve: () => storage.secureReserve(),
    releaseReserve: () => storage.releaseReserve(),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

/** What comes while somebody looks at the listing is listed or not. */
async function* listed(storage: Storage, prefix: string, door: Door): AsyncGenerator<ObjectStat> {
  await door()
  yield* storage.list(prefix)
  await door()
}
