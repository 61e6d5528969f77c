/** What is done with one entry, from what is there already. Decides only; changes nothing. */
import { SnapError } from '../../model/errors.ts'
import type { EntryType, FileStat, TargetDirectory } from '../../model/files.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { RestoreAction } from './report.ts'
import { type ContentParts, sameContentAsFile } from './same-content.ts'

export type OverwritePolicy = 'always' | 'if-changed' | 'if-newer' | 'never'

/** Of an entry that is no directory. `directory`: where it goes; `undefined` where that does not exist yet. Throws as `expectReplaceable`. */
export async function decide(
  parts: ContentParts,
  overwrite: OverwritePolicy,
  entry: Entry,
  existing: FileStat | undefined,
  directory: TargetDirectory | undefined,
): Promise<RestoreAction> {
  if (existing === undefined || directory === undefined) return 'create'
  if (existing.type !== entry.type) {
    expectReplaceable(overwrite, entry, existing)
    return 'replace'
  }
  if (overwrite === 'never') return 'keep'
  const order = existing.mtimeSec - entry.mtimeSec || existing.mtimeNsec - entry.mtimeNsec
  if (overwrite === 'if-newer' && order >= 0) return 'keep'
  if (entry.type !== 'file') return isSameSpecial(entry, existing, directory) ? 'unchanged' : 'replace'
  if (existing.size !== entry.size) return 'replace'
  if (overwrite === 'if-changed' && order === 0) return 'unchanged'
  return (await sameContentAsFile(parts, directory, entry)) ? 'unchanged' : 'replace'
}

/**
 * Throws `TARGET_OCCUPIED` where the policy leaves `existing`, which is of another kind than the entry. `if-newer` does whatever its age:
 * it is no other version of the entry, and the time of a directory says nothing about what is in it.
 */
export function expectReplaceable(overwrite: OverwritePolicy, entry: Entry, existing: FileStat): void {
  if (overwrite === 'never' || overwrite === 'if-newer') {
    throw occupied(entry, existing, `--overwrite ${overwrite} leaves it`)
  }
}

/** What stands in the way, and why it stays: `reason`. */
export function occupied(entry: Entry, existing: FileStat, reason: string): SnapError {
  const below = entry.type === 'dir' ? ', and nothing below it is restored' : ''
  return new SnapError(
    'TARGET_OCCUPIED',
    `${KIND_WORDS[existing.type]} stands where the snapshot has ${KIND_WORDS[entry.type]}: ${reason}${below}`,
    { hint: 'Move it away, or restore to another place with --target.' },
  )
}

export const KIND_WORDS: Readonly<Record<EntryType, string>> = {
  file: 'a file',
  dir: 'a directory',
  symlink: 'a symbolic link',
  fifo: 'a FIFO',
  char: 'a character device',
  block: 'a block device',
  socket: 'a socket',
}

/** Whether what is there, of the same type, is the link or device that the entry says. A socket is its program's. */
export function isSameSpecial(entry: Entry, existing: FileStat, directory: TargetDirectory): boolean {
  if (entry.type === 'symlink') return directory.readlink(entry.name) === entry.target
  if (entry.type === 'fifo' || entry.type === 'socket') return true
  return existing.rdevMajor === entry.device?.major && existing.rdevMinor === entry.device.minor
}
