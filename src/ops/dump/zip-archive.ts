/**
 * A directory of a snapshot as a ZIP archive: files, directories and symlinks with their modes, owners and times (Info-ZIP's
 * extra fields). What ZIP has no place for is left out with a warning. Sizes and counts of 32 and 16 bits: no ZIP64.
 */
import { Zip, ZipDeflate, type ZipInputFile, ZipPassThrough } from 'fflate'
import { ByteWriter } from '../../base/bytes.ts'
import { isWellFormed, nameBytes } from '../../base/names.ts'
import { SnapError } from '../../model/errors.ts'
import type { Entry } from '../../snapshot/entry.ts'
import { type ArchiveMember, type ArchiveSource, isPresent, leaveOut, membersOf } from './archive-source.ts'
import { fileBytes } from './file-bytes.ts'

const ZIP_BYTES_MAX = 0xffff_fffe
const ZIP_MEMBERS_MAX = 0xfffe
/** Both headers of a member without its name, with the extra fields; deflate adds 5 bytes to 16 KiB at worst. */
const MEMBER_BYTES = 30 + 16 + 46 + 2 * 32
const DEFLATE_GROWTH = 1 + 5 / 16_384
const DEFLATE_LEVEL = 6

const OS_UNIX = 3
const TYPE_BITS = { file: 0o100000, dir: 0o040000, symlink: 0o120000 } as const
const DOS_DIRECTORY = 0x10
const EXTRA_TIME = 0x5455
const EXTRA_OWNER = 0x7875
/** DOS times reach from 1980 to 2099 here; the extra field has the true one. */
const DOS_TIME_MIN = Date.UTC(1980, 0, 2)
const DOS_TIME_MAX = Date.UTC(2099, 11, 30)

type ZipType = keyof typeof TYPE_BITS

/** `USAGE` before the first byte where the archive could pass the limits of ZIP without ZIP64. */
export async function* zipArchive(source: ArchiveSource): AsyncGenerator<Uint8Array> {
  await checkFits(source)
  const written: Uint8Array[] = []
  let failure: Error | undefined
  const zip = new Zip((error, data) => {
    if (error) failure ??= error
    else written.push(data)
  })
  const flush = function* (): Generator<Uint8Array> {
    if (failure !== undefined) throw failure
    yield* written.splice(0)
  }
  for await (const member of membersOf(source)) {
    const { entry, path } = member
    source.progress({ kind: 'file', path })
    if (!isStorable(member, source)) continue
    const name = memberName(member, source)
    if (entry.type === 'file') {
      const file = describe(new ZipDeflate(name, { level: DEFLATE_LEVEL }), entry, 'file')
      zip.add(file)
      for await (const bytes of fileBytes(source.repository.chunks, entry)) {
        file.push(bytes)
        yield* flush()
      }
      file.push(new Uint8Array(0), true)
    } else {
      const type = entry.type === 'dir' ? 'dir' : 'symlink'
      const file = describe(new ZipPassThrough(type === 'dir' ? `${name}/` : name), entry, type)
      zip.add(file)
      file.push(nameBytes(entry.target ?? ''), true)
    }
    yield* flush()
    source.progress({ kind: 'done', files: 1, bytes: entry.size })
  }
  zip.end()
  yield* flush()
}

async function checkFits(source: ArchiveSource): Promise<void> {
  let members = 0
  let bytes = 0
  for await (const { entry, member } of membersOf(source)) {
    members += 1
    bytes += Math.ceil(entry.size * DEFLATE_GROWTH) + MEMBER_BYTES + 2 * nameBytes(member).length
    if (members <= ZIP_MEMBERS_MAX && bytes <= ZIP_BYTES_MAX) continue
    throw new SnapError('USAGE', 'this is too much for a ZIP archive, which holds 65,534 entries and 4 GiB', {
      hint: 'Write a tar archive, or restore the directory.',
    })
  }
}

function isStorable(member: ArchiveMember, source: ArchiveSource): boolean {
  const { type } = member.entry
  if (!isPresent(member, source)) return false
  if (type === 'file' || type === 'dir' || type === 'symlink') return true
  leaveOut(member, `a ${type} has no place in a ZIP archive`, source)
  return false
}

/** Bytes that are not UTF-8 are written as `%FF`: the format has no other way to hold them. */
function memberName(member: ArchiveMember, { progress }: ArchiveSource): string {
  if (isWellFormed(member.member)) return member.member
  const name = member.member.replace(
    /[\udc80-\udcff]/gu,
    (unit) => `%${(unit.charCodeAt(0) - 0xdc00).toString(16).toUpperCase()}`,
  )
  progress({
    kind: 'warning',
    path: member.path,
    reason: `its name is not UTF-8; it is ${name} in the archive`,
  })
  return name
}

function describe<File extends ZipInputFile>(file: File, entry: Entry, type: ZipType): File {
  const { mode, uid, gid, mtimeSec } = entry
  const seconds = Math.min(Math.max(mtimeSec, -0x8000_0000), 0x7fff_ffff)
  file.os = OS_UNIX
  file.attrs = (((TYPE_BITS[type] | mode) << 16) | (type === 'dir' ? DOS_DIRECTORY : 0)) >>> 0
  file.mtime = new Date(Math.min(Math.max(mtimeSec * 1000, DOS_TIME_MIN), DOS_TIME_MAX))
  file.extra = {
    [EXTRA_TIME]: new ByteWriter(16)
      .u8(1)
      .u32(seconds >>> 0)
      .done(),
    [EXTRA_OWNER]: new ByteWriter(16).u8(1).u8(4).u32(uid).u8(4).u32(gid).done(),
  }
  return file
}
