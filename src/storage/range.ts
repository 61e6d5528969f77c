/** Which bytes of an object a read wants, checked against what there is. Knows sizes, no bytes. */
import { assert } from '../base/assert.ts'
import { SnapError } from '../model/errors.ts'
import type { ByteRange, ObjectKey } from '../model/storage.ts'
import { OBJECT_BYTES_MAX } from './key.ts'

/** `range` of an object of `size` bytes, or all of it. `OBJECT_DAMAGED` where the object is too short, or larger than objects are. */
export function rangeWithin(key: ObjectKey, size: number, range: ByteRange | undefined): ByteRange {
  const { offset, bytes } = range ?? { offset: 0, bytes: size }
  assert(Number.isSafeInteger(offset) && offset >= 0, `range of ${key} from ${offset}`)
  assert(Number.isSafeInteger(bytes) && bytes >= 0, `range of ${bytes} bytes of ${key}`)
  if (offset + bytes > size) {
    throw new SnapError(
      'OBJECT_DAMAGED',
      `${key} has ${size} bytes, and bytes ${offset} to ${offset + bytes} were asked for`,
    )
  }
  if (bytes > OBJECT_BYTES_MAX) {
    throw new SnapError(
      'OBJECT_DAMAGED',
      `${key} claims ${bytes} bytes; no object has more than ${OBJECT_BYTES_MAX}`,
    )
  }
  return { offset, bytes }
}

/** The sum of the lengths, which must be that of an object. */
export function totalBytes(parts: readonly Uint8Array[]): number {
  let total = 0
  for (const part of parts) total += part.length
  assert(total <= OBJECT_BYTES_MAX, `an object of ${total} bytes`)
  return total
}
