/** The metadata that a restored entry gets. */
import type { TargetMeta } from '../../model/files.ts'
import type { Entry } from '../../snapshot/entry.ts'

export function metaOf(entry: Entry, keepOwner: boolean): TargetMeta {
  return {
    mode: entry.mode,
    ...(keepOwner ? { uid: entry.uid, gid: entry.gid } : {}),
    mtimeSec: entry.mtimeSec,
    mtimeNsec: entry.mtimeNsec,
    xattrs: entry.xattrs ?? [],
  }
}
