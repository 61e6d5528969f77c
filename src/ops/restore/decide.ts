/** What is done with one entry that is no directory, from what is there already. Decides only; changes nothing. */
import type { FileStat, TargetDirectory } from '../../model/files.ts'
import type { Entry } from '../../snapshot/entry.ts'
import type { RestoreAction } from './report.ts'
import { type ContentParts, sameContentAsFile } from './same-content.ts'

export type OverwritePolicy = 'always' | 'if-changed' | 'if-newer' | 'never'

/** `directory`: where the entry goes; `undefined` where that does not exist yet. */
export async function decide(
  parts: ContentParts,
  overwrite: OverwritePolicy,
  entry: Entry,
  existing: FileStat | undefined,
  directory: TargetDirectory | undefined,
): Promise<RestoreAction> {
  if (existing === undefined || directory === undefined) return 'create'
  if (overwrite === 'never') return 'keep'
  const order = existing.mtimeSec - entry.mtimeSec || existing.mtimeNsec - entry.mtimeNsec
  if (overwrite === 'if-newer' && order >= 0) return 'keep'
  if (existing.type !== entry.type) return 'replace'
  if (entry.type !== 'file') return isSameSpecial(entry, existing, directory) ? 'unchanged' : 'replace'
  if (existing.size !== entry.size) return 'replace'
  if (overwrite === 'if-changed' && order === 0) return 'unchanged'
  return (await sameContentAsFile(parts, directory, entry)) ? 'unchanged' : 'replace'
}

/** Whether what is there, of the same type, is the link or device that the entry says. A socket is its program's. */
function isSameSpecial(entry: Entry, existing: FileStat, directory: TargetDirectory): boolean {
  if (entry.type === 'symlink') return directory.readlink(entry.name) === entry.target
  if (entry.type === 'fifo' || entry.type === 'socket') return true
  return existing.rdevMajor === entry.device?.major && existing.rdevMinor === entry.device.minor
}
