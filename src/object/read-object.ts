/** Reads an object whole, but never one that is longer than its kind can be: that would be somebody's, to fill our memory. */
import { SnapError } from '../model/errors.ts'
import type { ObjectKey, Storage } from '../model/storage.ts'
import { decodeObjectHeader, OBJECT_HEADER_BYTES } from './header.ts'

/**
 * `LIMIT_EXCEEDED` above `bytesMax`, before more than the header is read: that says whether a newer format allows it
 * (`REPOSITORY_TOO_NEW`). `OBJECT_MISSING` where there is none.
 */
export async function readObject(
  storage: Pick<Storage, 'stat' | 'read'>,
  key: ObjectKey,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const stat = await storage.stat(key)
  if (stat !== undefined && stat.bytes > bytesMax) {
    decodeObjectHeader(await storage.read(key, { offset: 0, bytes: OBJECT_HEADER_BYTES }), key)
    throw new SnapError('LIMIT_EXCEEDED', `${key} has ${stat.bytes} bytes; ${bytesMax} are allowed`)
  }
  return await storage.read(key)
}
