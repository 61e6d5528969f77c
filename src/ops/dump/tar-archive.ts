/** A directory of a snapshot as a tar archive: which member each entry becomes. Only sockets have none. */
import type { Entry } from '../../snapshot/entry.ts'
import { HardLinks } from '../../snapshot/hard-links.ts'
import { type ArchiveMember, type ArchiveSource, isPresent, leaveOut, membersOf } from './archive-source.ts'
import { fileBytes } from './file-bytes.ts'
import { type TarType, tarEnd, tarHeader, tarPadding } from './tar.ts'

export async function* tarArchive(source: ArchiveSource): AsyncGenerator<Uint8Array> {
  /** The first member of each file with several links. */
  const linked = new HardLinks<string>()
  for await (const member of membersOf(source)) {
    const { entry, path } = member
    source.progress({ kind: 'file', path })
    if (!isPresent(member, source)) continue
    if (entry.type === 'socket') {
      leaveOut(member, 'a socket has no place in an archive', source)
      continue
    }
    const first = linked.firstOf(entry, member.member)
    yield tarHeader(tarMember(member, entry.type, first))
    if (entry.type === 'file' && first === undefined) {
      yield* fileBytes(source.repository.chunks, entry)
      yield tarPadding(entry.size)
    }
    source.progress({ kind: 'done', files: 1, bytes: entry.size })
  }
  yield tarEnd()
}

function tarMember(member: ArchiveMember, type: Exclude<Entry['type'], 'socket'>, first: string | undefined) {
  const { entry, user, group } = member
  const { mode, uid, gid, mtimeSec, mtimeNsec } = entry
  const common = { path: member.member, mode, uid, gid, user, group, mtimeSec, mtimeNsec, size: 0 }
  if (first !== undefined) return { ...common, type: 'hardLink' as TarType, link: first }
  const { target, device, xattrs } = entry
  return { ...common, type, link: target, device, xattrs, size: type === 'file' ? entry.size : 0 }
}
