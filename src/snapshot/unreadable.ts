/** Why something could not be read, as entries and logs record it and as people read it. */
import { codeInWords } from '../filesystem/system-error.ts'

/** Of what a copy lacks. */
export const DAMAGED = 'DAMAGED'

/** Reasons that are ours and no system's. */
const OURS: ReadonlyMap<string, string> = new Map([
  ['REPLACED', 'something else was there each time it was looked at'],
  ['IGNORE_FILE_LARGE', 'an ignore file above 1 MiB is not read, and leaves nothing out'],
  [DAMAGED, 'it was damaged in the repository that the snapshot was copied from'],
  ['TOO_DEEP', 'it lies below more directories than a snapshot can have'],
])

/** `reason`: as `EACCES`. */
export function reasonInWords(reason: string): string {
  return OURS.get(reason) ?? codeInWords(reason)
}
