/**
 * What a new file gets in one directory: its owner, and which permission bits survive (umask, a default ACL and mount
 * options take some). Learnt from the first files, so that later ones need no call to find out.
 */
import type { FileStat } from '../model/files.ts'

export type FreshOwnership = { readonly uid: number; readonly gid: number; readonly mode: number }

export type FreshModes = {
  /** What a file that was just created with `permissions` has; `look` asks the system, and is called where it is not known yet. */
  of(permissions: number, look: () => FileStat): FreshOwnership
}

export function createFreshModes(): FreshModes {
  let owner: { uid: number; gid: number } | undefined
  let surviving = 0
  let lost = 0
  return {
    of(permissions, look) {
      if (owner === undefined || (permissions & ~(surviving | lost)) !== 0) {
        const stat = look()
        owner = { uid: stat.uid, gid: stat.gid }
        surviving |= permissions & stat.mode
        lost |= permissions & ~stat.mode
      }
      return { uid: owner.uid, gid: owner.gid, mode: permissions & ~lost }
    },
  }
}
