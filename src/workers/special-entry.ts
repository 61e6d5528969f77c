/** Links, FIFOs, devices and sockets as encoded entries: one way for who stores them and who compares them with what was stored. */
import { nameBytes } from '../base/names.ts'
import type { FileStat, SourceFiles } from '../model/files.ts'
import { LINK_TARGET_BYTES_MAX } from '../model/limits.ts'
import { type Entry, encodeEntry } from '../snapshot/entry.ts'
import { entryOf, sourceReason } from './file-pipeline.ts'

/** The encoded entry, or why it could not be read, as `ENOENT`. */
export function specialEntry(
  source: SourceFiles,
  name: string,
  path: string,
  stat: FileStat,
  xattrs: Entry['xattrs'],
): Uint8Array | string {
  const entry = entryOf(name, stat, xattrs)
  if (stat.type !== 'symlink') return encodeEntry(entry)
  try {
    const target = source.readlink(path)
    if (nameBytes(target).length > LINK_TARGET_BYTES_MAX) return 'ENAMETOOLONG'
    return encodeEntry({ ...entry, target })
  } catch (error) {
    return sourceReason(error)
  }
}
