/**
 * Gives an entry its owner, extended attributes, mode and time, in the order in which none undoes another: a change of owner clears
 * setuid and capabilities, an ACL rewrites the group bits, and every one of them could move the time.
 */
import type { EntryType, TargetMeta, Xattr } from '../model/files.ts'
import type { OpenEntry } from './system-calls.ts'
import { systemCode } from './system-error.ts'

export const ACL_ACCESS = 'system.posix_acl_access'
export const ACL_DEFAULT = 'system.posix_acl_default'

const SETUID = 0o4000
const SETGID = 0o2000
const OWNER_WRITE = 0o200
const MODE_BITS = 0o7777

/** What an entry has before its metadata is set. */
export type Present = {
  readonly uid: number
  readonly gid: number
  readonly mode: number
  /** Absent where it is not known. */
  readonly mtimeSec?: number
  readonly mtimeNsec?: number
  /** Only attributes that a parent directory handed down can be there. */
  readonly fresh: boolean
  /** An ACL may have been handed down. */
  readonly inheritsAcl: boolean
}

/** Codes that mean: this file system, or this user, cannot. What else fails is thrown. */
const CANNOT: ReadonlySet<string> = new Set([
  'EPERM',
  'EACCES',
  'ENOTSUP',
  'EOPNOTSUPP',
  'ENOSYS',
  'EINVAL',
  'ENOENT',
  'ENODATA',
  'ERANGE',
  'E2BIG',
])

/** The code where `act` could not, '' where it did. */
function attempt(act: () => void, alsoCannot = ''): string {
  try {
    act()
    return ''
  } catch (error) {
    const code = systemCode(error)
    if (code !== '' && (CANNOT.has(code) || code === alsoCannot)) return code
    throw error
  }
}

/** Returns what could not be kept, in words. */
export function applyMeta(entry: OpenEntry, type: EntryType, meta: TargetMeta, present: Present): string[] {
  const lost: string[] = []
  const owner = applyOwner(entry, meta, present, lost)
  const attributes = applyXattrs(entry, type, meta, present, lost)
  if (type !== 'symlink') {
    const mode = safeMode(type, meta, owner, lost)
    const cleared = owner.changed && (mode & (SETUID | SETGID)) !== 0
    if (mode !== present.mode || cleared || attributes.modeTouched) {
      const code = attempt(() => entry.chmod(mode))
      if (code !== '') lost.push(`mode ${mode.toString(8)} (${code})`)
    }
  }
  // Setting the time that it has would still change ctime, by which a backup recognises what is unchanged.
  if (present.mtimeSec === meta.mtimeSec && present.mtimeNsec === meta.mtimeNsec) return lost
  const code = attempt(() => entry.setMtime(meta.mtimeSec, meta.mtimeNsec))
  if (code !== '') lost.push(`modification time (${code})`)
  return lost
}

type OwnerResult = { readonly changed: boolean; readonly uidKept: boolean; readonly gidKept: boolean }

function applyOwner(entry: OpenEntry, meta: TargetMeta, present: Present, lost: string[]): OwnerResult {
  const uid = meta.uid ?? present.uid
  const gid = meta.gid ?? present.gid
  const asked = { uidKept: meta.uid !== undefined, gidKept: meta.gid !== undefined }
  if (uid === present.uid && gid === present.gid) return { changed: false, ...asked }
  const code = attempt(() => entry.chown(uid, gid))
  if (code === '') return { changed: true, ...asked }
  // A normal user cannot give a file away, but may hand it to another group of theirs.
  const group = gid === present.gid ? '' : attempt(() => entry.chown(present.uid, gid))
  if (uid !== present.uid) lost.push(`owner ${uid} (${code})`)
  if (group !== '') lost.push(`group ${gid} (${group})`)
  return {
    changed: true,
    uidKept: asked.uidKept && uid === present.uid,
    gidKept: asked.gidKept && group === '',
  }
}

/** A program must not run as somebody that its snapshot did not name. */
function safeMode(type: EntryType, meta: TargetMeta, owner: OwnerResult, lost: string[]): number {
  let mode = meta.mode & MODE_BITS
  if (type !== 'file') return mode
  if ((mode & SETUID) !== 0 && !owner.uidKept) {
    mode &= ~SETUID
    lost.push('setuid bit, as the owner is not kept')
  }
  if ((mode & SETGID) !== 0 && !owner.gidKept) {
    mode &= ~SETGID
    lost.push('setgid bit, as the group is not kept')
  }
  return mode
}

function applyXattrs(
  entry: OpenEntry,
  type: EntryType,
  meta: TargetMeta,
  present: Present,
  lost: string[],
): { modeTouched: boolean } {
  let modeTouched = false
  const there = present.fresh ? [] : readXattrs(entry)
  const stale = present.fresh ? inheritedAcls(type, present) : there.map((xattr) => xattr.name).filter(isOurs)
  for (const name of stale) {
    if (meta.xattrs.some((xattr) => xattr.name === name)) continue
    const code = attempt(() => entry.removeXattr(name))
    modeTouched ||= name === ACL_ACCESS
    if (code !== '' && code !== 'ENODATA' && code !== 'ENOTSUP')
      lost.push(`removal of xattr ${JSON.stringify(name)} (${code})`)
  }
  for (const xattr of meta.xattrs) {
    if (there.some((other) => isSame(other, xattr))) continue
    modeTouched ||= xattr.name === ACL_ACCESS
    // ENOSPC: the inode has no room for more attributes, whatever the disk has.
    const set = () => attempt(() => entry.setXattr(xattr.name, xattr.value), 'ENOSPC')
    let code = set()
    if (code === 'EACCES' && (present.mode & OWNER_WRITE) === 0) {
      // A normal user may set attributes of a writable file only.
      modeTouched = true
      if (attempt(() => entry.chmod((present.mode & 0o777) | OWNER_WRITE)) === '') code = set()
    }
    if (code !== '') lost.push(`xattr ${JSON.stringify(xattr.name)} (${code})`)
  }
  return { modeTouched }
}

function readXattrs(entry: OpenEntry): Xattr[] {
  let xattrs: Xattr[] = []
  attempt(() => {
    xattrs = entry.xattrs()
  })
  return xattrs
}

function inheritedAcls(type: EntryType, present: Present): string[] {
  if (!present.inheritsAcl || type === 'symlink') return []
  return type === 'dir' ? [ACL_ACCESS, ACL_DEFAULT] : [ACL_ACCESS]
}

/** Attributes that say what the entry is; what else is in `security` (labels, signatures) is this system's own. */
function isOurs(name: string): boolean {
  return (
    name.startsWith('user.') ||
    name.startsWith('trusted.') ||
    name === ACL_ACCESS ||
    name === ACL_DEFAULT ||
    name === 'security.capability'
  )
}

function isSame(a: Xattr, b: Xattr): boolean {
  return a.name === b.name && Buffer.compare(a.value, b.value) === 0
}
